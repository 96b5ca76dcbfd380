package expresssession_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	es "github.com/panoplysec/panoply/expresssession"
	"github.com/panoplysec/panoply/guard"
)

func TestOptions(t *testing.T) {
	bad := "no-slash"
	good := es.Options{Secret: [][]byte{secret}, Store: es.NewMemoryStore()}
	for _, tt := range []struct {
		name   string
		change func(o *es.Options)
		fields string
	}{
		{"good", func(*es.Options) {}, ""},
		{"nothing", func(o *es.Options) { *o = es.Options{} }, "Secret Store"},
		{"secrets", func(o *es.Options) { o.Secret = [][]byte{{}, secret, secret} }, "Secret[0] Secret[2]"},
		{"many at once", func(o *es.Options) {
			o.Name, o.Unset, o.Proxy, o.Resave, o.SaveUninitialized = "a b", "x", "auto", true, true
			o.Cookie = es.Cookie{Domain: "a_b", Path: &bad, Priority: "urgent", SameSite: "x", Partitioned: "x"}
		}, "Name Unset Proxy Resave SaveUninitialized Cookie.Partitioned Cookie.SameSite Cookie.Path Cookie.Domain Cookie.Priority"},
		{"both ends", func(o *es.Options) { o.Cookie = es.Cookie{MaxAge: new(time.Hour), Expires: time.Now()} }, "Cookie.Expires"},
		{"weak", func(o *es.Options) {
			o.Cookie = es.Cookie{Secure: es.False, HTTPOnly: es.False, SameSite: "false"}
		}, "Cookie.Secure Cookie.HTTPOnly Cookie.SameSite"},
		{"none without Secure", func(o *es.Options) { o.Cookie = es.Cookie{Secure: es.Auto, SameSite: "None", Partitioned: es.True} }, "Cookie.SameSite Cookie.Partitioned"},
		{"__Host- with Domain", func(o *es.Options) { o.Name, o.Cookie = "__Host-id", es.Cookie{Domain: "a.example"} }, "Name"},
		{"__Secure-", func(o *es.Options) { o.Name, o.Cookie = "__Secure-id", es.Cookie{Secure: es.Auto} }, "Name"},
		{"compat takes what is weak", func(o *es.Options) {
			o.Mode, o.Resave, o.SaveUninitialized = es.Compat, true, true
			o.Cookie = es.Cookie{Secure: es.False, HTTPOnly: es.False, SameSite: "none"}
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := good
			tt.change(&o)
			_, err := es.New(o)
			var fields []string
			for _, e := range guard.OptionErrors(err) {
				fields = append(fields, e.Field)
			}
			if got := strings.Join(fields, " "); got != tt.fields {
				t.Errorf("New() refuses %q, want %q\n%v", got, tt.fields, err)
			}
		})
	}
}

func TestTakeover(t *testing.T) {
	store := es.NewMemoryStore()
	m := strict(t, es.Options{Store: store})
	var sid string
	first := ask(handle(m, func(w http.ResponseWriter, s *es.Session) { sid = s.ID(); set(t, "user", "ann")(w, s) }))
	r := httptest.NewRequest("GET", "https://shop.example/", nil)
	r.Header.Set("Cookie", pair(first))
	data, ok, err := m.Adopt(r)
	if string(data) != `{"user":"ann"}` || !ok || err != nil {
		t.Fatalf("Adopt() = %s, %v, %v", data, ok, err)
	}
	before, _, _ := store.Get(t.Context(), sid)
	if err := m.Mirror(r, []byte(`{"user":"ann","cart":[1]}`)); err != nil {
		t.Fatal(err)
	}
	after, _, _ := store.Get(t.Context(), sid)
	if want := strings.Replace(string(before), `"user":"ann"`, `"user":"ann","cart":[1]`, 1); string(after) != want {
		t.Errorf("after Mirror the store holds %s, want %s", after, want)
	}
	h := http.Header{}
	if err := m.Retire(h, r); err != nil || !strings.Contains(h.Get("Set-Cookie"), "1970") {
		t.Errorf("Retire() = %v, Set-Cookie %q, want it removed", err, h.Get("Set-Cookie"))
	}
	if _, ok, err := m.Adopt(r); ok || err != nil {
		t.Errorf("Adopt() after Retire = %v, %v, want false", ok, err)
	}
	if err := m.Mirror(r, []byte(`{}`)); err == nil {
		t.Error("Mirror() after Retire = nil, want an error")
	}
}
