package session_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/session"
)

func TestImpossibleOptions(t *testing.T) {
	store, err := session.NewMemory(session.MemoryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	good := session.Options{Store: store, Keys: [][]byte{keyA}}
	plain := struct{ session.Store }{store} // no Index
	for name, tt := range map[string]struct {
		change func(*session.Options)
		fields []string
	}{
		"none":             {func(o *session.Options) { *o = session.Options{} }, []string{"Store", "Keys"}},
		"short key":        {func(o *session.Options) { o.Keys = [][]byte{keyA[:31]} }, []string{"Keys[0]"}},
		"zero key":         {func(o *session.Options) { o.Keys = [][]byte{make([]byte, 32)} }, []string{"Keys[0]"}},
		"twice":            {func(o *session.Options) { o.Keys = [][]byte{keyA, keyA} }, []string{"Keys[1]"}},
		"host and domain":  {func(o *session.Options) { o.Domain = "example.com" }, []string{"Domain"}},
		"host and path":    {func(o *session.Options) { o.Path = "/app" }, []string{"Path"}},
		"none, plain http": {func(o *session.Options) { o.SameSite, o.InsecureCookie = http.SameSiteNoneMode, "lan" }, []string{"SameSite"}},
		"prefix, plain":    {func(o *session.Options) { o.Name, o.InsecureCookie = "__Secure-x", "lan" }, []string{"Name"}},
		"partitioned":      {func(o *session.Options) { o.Partitioned, o.InsecureCookie = true, "lan" }, []string{"Partitioned"}},
		"name":             {func(o *session.Options) { o.Name = "a b" }, []string{"Name"}},
		"path":             {func(o *session.Options) { o.Name, o.Path = "__Secure-a", "/a;b" }, []string{"Path"}},
		"domain":           {func(o *session.Options) { o.Name, o.Domain = "__Secure-a", "exa_mple.com" }, []string{"Domain"}},
		"absolute":         {func(o *session.Options) { o.Timeouts.Absolute = -1 }, []string{"Timeouts.Absolute"}},
		"idle":             {func(o *session.Options) { o.Timeouts = session.Timeouts{Idle: 2 * time.Hour, Absolute: time.Hour} }, []string{"Timeouts.Idle"}},
		"grace":            {func(o *session.Options) { o.Timeouts.Grace = time.Hour }, []string{"Timeouts.Grace"}},
		"no index":         {func(o *session.Options) { o.Store, o.MaxPerUser = plain, 1 }, []string{"MaxPerUser"}},
		"two places":       {func(o *session.Options) { o.Sealed = &session.Sealed{} }, []string{"Sealed"}},
		"sealed size":      {func(o *session.Options) { o.Store, o.Sealed = nil, &session.Sealed{MaxBytes: 1 << 20} }, []string{"Sealed.MaxBytes"}},
		"sealed, by user":  {func(o *session.Options) { o.Store, o.Sealed, o.MaxPerUser = nil, &session.Sealed{}, 1 }, []string{"MaxPerUser"}},
		"max bytes":        {func(o *session.Options) { o.MaxBytes = -1 }, []string{"MaxBytes"}},
		"all at once": {func(o *session.Options) { o.Domain, o.MaxPerUser, o.Timeouts.Grace = "x", -1, time.Hour },
			[]string{"Domain", "MaxPerUser", "Timeouts.Grace"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			tt.change(&o)
			_, err := session.New[account](o)
			var got []string
			for _, e := range guard.OptionErrors(err) {
				got = append(got, e.Field)
			}
			slices.Sort(got)
			if !slices.Equal(got, tt.fields) && !slices.Equal(sorted(tt.fields), got) {
				t.Errorf("New() complains of %v (%v), want %v", got, err, tt.fields)
			}
		})
	}
	if _, err := session.New[account](good); err != nil {
		t.Errorf("New(good) = %v, want nil", err)
	}
}

func sorted(s []string) []string { s = slices.Clone(s); slices.Sort(s); return s }

func TestPresets(t *testing.T) {
	day := 24 * time.Hour
	for name, tt := range map[string]struct {
		t              session.Timeouts
		idle, absolute time.Duration
	}{
		"zero": {session.Timeouts{}, 30 * time.Minute, 12 * time.Hour},
		"AAL1": {session.AAL1(), 30 * day, 30 * day},
		"AAL2": {session.AAL2(), time.Hour, day},
		"AAL3": {session.AAL3(), 15 * time.Minute, 12 * time.Hour},
	} {
		e := session.Options{Timeouts: tt.t}.Effective().Timeouts
		if e.Idle != tt.idle || e.Absolute != tt.absolute {
			t.Errorf("%s: idle %v, absolute %v, want %v and %v", name, e.Idle, e.Absolute, tt.idle, tt.absolute)
		}
	}
}
