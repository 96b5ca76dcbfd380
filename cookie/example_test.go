package cookie_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/panoplysec/panoply/cookie"
)

func Example() {
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Set-Cookie", "PHPSESSID=8f3c; path=/")
		w.Header().Add("Set-Cookie", "XSRF-TOKEN=77ab; path=/")
	})
	g, err := cookie.New(cookie.Options{})
	if err != nil {
		log.Fatal(err)
	}
	w := httptest.NewRecorder()
	g.Handler(app).ServeHTTP(w, httptest.NewRequest("GET", "https://shop.example/", nil))
	for _, line := range w.Result().Header["Set-Cookie"] {
		fmt.Println(line)
	}
	// Output:
	// PHPSESSID=8f3c; path=/; Secure; SameSite=Lax; HttpOnly
	// XSRF-TOKEN=77ab; path=/; Secure; SameSite=Lax
}

func ExampleNew_rename() {
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Printf("the app sees %q\n", r.Header.Get("Cookie"))
		w.Header().Add("Set-Cookie", "PHPSESSID=8f3c; path=/; HttpOnly")
	})
	g, err := cookie.New(cookie.Options{Rename: cookie.Rename{
		Key:  []byte("kept in a file, 16 bytes or more"),
		Site: "shop.example",
	}})
	if err != nil {
		log.Fatal(err)
	}
	door := g.Handler(app)

	r := httptest.NewRequest("GET", "https://shop.example/", nil)
	w := httptest.NewRecorder()
	door.ServeHTTP(w, r)
	set := w.Header().Get("Set-Cookie")
	fmt.Println("the client gets:", set)

	pair, _, _ := strings.Cut(set, ";")
	r.Header.Set("Cookie", pair)
	door.ServeHTTP(httptest.NewRecorder(), r)
	// Output:
	// the app sees ""
	// the client gets: __Host-bwhzd5=8f3c; path=/; HttpOnly; Secure; SameSite=Lax
	// the app sees "PHPSESSID=8f3c"
}

func ExampleDecodeSigned() {
	secret := []byte("keyboard cat")
	raw := cookie.EncodeSigned("Nhmga2-5XHxNXSOBPfCRp4mTNYBEErZe", secret)
	sid, _, ok := cookie.DecodeSigned(raw, []byte("a newer secret"), secret)
	fmt.Println(sid, ok)
	_, _, ok = cookie.DecodeSigned(strings.Replace(raw, "N", "n", 1), secret)
	fmt.Println(ok)
	// Output:
	// Nhmga2-5XHxNXSOBPfCRp4mTNYBEErZe true
	// false
}

func ExampleKeygrip() {
	k, err := cookie.NewKeygrip(cookie.KeygripOptions{Keys: [][]byte{[]byte("keyboard cat")}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(k.Sign("session=e30="))
	// Output: xXeAYe0aU9ZnfJG2bPC1wg3CQcU
}

func ExamplePairs() {
	for name, value := range cookie.Pairs([]string{`theme="dark blue"; a@b=1,2`}) {
		fmt.Printf("%s is %s\n", name, value)
	}
	// Output:
	// theme is "dark blue"
	// a@b is 1,2
}

func ExampleParseSetCookie() {
	c, err := cookie.ParseSetCookie("sid=1; path=/; Priority=High; samesite=none")
	if err != nil {
		log.Fatal(err)
	}
	if err := c.SetAttribute("SameSite", "Lax"); err != nil {
		log.Fatal(err)
	}
	if err := c.SetAttribute("Secure", ""); err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.String())
	// Output: sid=1; path=/; Priority=High; samesite=Lax; Secure
}
