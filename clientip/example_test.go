package clientip_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/panoplysec/panoply/clientip"
)

func Example() {
	proxies, err := clientip.ParseProxies([]string{"10.0.0.0/8"})
	if err != nil {
		panic(err)
	}
	trust, err := clientip.New(clientip.Options{Proxies: proxies})
	if err != nil {
		panic(err)
	}
	handler := trust.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := clientip.Of(r)
		fmt.Println(c.Addr, "in", c.Prefix, "asks", c.Scheme+"://"+c.Host)
	}))

	r := httptest.NewRequest("GET", "http://Shop.Example/", nil)
	r.RemoteAddr = "10.0.0.1:40000"
	r.Header.Add("X-Forwarded-For", "6.6.6.6") // what the client made up
	r.Header.Add("X-Forwarded-For", "2001:db8:1:2::3, 10.0.0.2")
	r.Header.Set("X-Forwarded-Proto", "https")
	handler.ServeHTTP(httptest.NewRecorder(), r)
	// Output: 2001:db8:1:2::3 in 2001:db8:1:2::/64 asks https://shop.example
}

// Without a Handler nobody is believed.
func ExampleOf() {
	r := httptest.NewRequest("GET", "http://shop.example/", nil)
	r.RemoteAddr = "[::ffff:203.0.113.7]:40000"
	r.Header.Set("X-Forwarded-For", "6.6.6.6")
	fmt.Println(clientip.Of(r).Addr)
	// Output: 203.0.113.7
}

func ExampleResolver_Strip() {
	trust, err := clientip.New(clientip.Options{})
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequest("GET", "http://shop.example/", nil)
	r.Header.Set("X-Original-URL", "/admin")
	r.Header.Set("Connection", "keep-alive, X-Forwarded-For")
	r.Header.Set("Accept", "text/html")
	trust.Strip(r)
	fmt.Println(r.Header)
	// Output: map[Accept:[text/html] Connection:[keep-alive]]
}

func ExampleWriteForwarded() {
	r := httptest.NewRequest("GET", "http://shop.example/", nil)
	r.RemoteAddr = "[2001:db8::7]:40000"
	out := http.Header{}
	clientip.WriteForwarded(out, r, clientip.Of(r))
	fmt.Println(out.Get("X-Forwarded-For"), out.Get("X-Forwarded-Port"))
	fmt.Println(out.Get("Forwarded"))
	// Output:
	// 2001:db8::7 80
	// for="[2001:db8::7]";host=shop.example;proto=http
}

// New says what is wrong with each network, and how to mend it.
func ExampleNew_refusal() {
	proxies, err := clientip.ParseProxies([]string{"10.1.2.3/8"})
	if err != nil {
		panic(err)
	}
	_, err = clientip.New(clientip.Options{Proxies: proxies})
	fmt.Println(err)
	// Output: clientip: Proxies[0] is "10.1.2.3/8": must be a network given by its first address; write 10.0.0.0/8 for the whole network or 10.1.2.3/32 for this one proxy
}
