package panoply_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/go-chi/chi/v5"

	"github.com/panoplysec/panoply"
	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/headers"
	"github.com/panoplysec/panoply/tlspolicy"
)

// The whole of it: guards, a server with limits, and Mozilla's TLS profile.
func Example() {
	p, err := panoply.New(panoply.Options{
		Trust: clientip.Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
	})
	if err != nil {
		log.Fatal(err) // every problem at once
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello, %s", clientip.Of(r).Addr)
	})
	srv := p.Server(mux)
	ln, err := p.Listen("tcp", "127.0.0.1:0", tlspolicy.Intermediate(certificate()))
	if err != nil {
		log.Fatal(err)
	}
	go srv.Serve(ln)
	defer srv.Close()

	resp, err := insecureClient().Get("https://" + ln.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(string(body))
	fmt.Println(resp.Header.Get("X-Content-Type-Options"))
	// Output:
	// hello, 127.0.0.1
	// nosniff
}

// Handler goes around any router, here chi's.
func ExamplePanoply_Handler_chi() {
	p, err := panoply.New(panoply.Options{})
	if err != nil {
		log.Fatal(err)
	}
	router := chi.NewRouter()
	router.Use(p.Handler)
	router.Get("/orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "order %s", chi.URLParam(r, "id"))
	})
	rec := httptest.NewRecorder()
	router.ServeHTTP(rec, httptest.NewRequest("GET", "/orders/7", nil))
	fmt.Println(rec.Body, rec.Header().Get("X-Frame-Options"))
	// Output: order 7 SAMEORIGIN
}

// One guard alone, with nothing else of Panoply compiled in.
func Example_headersAlone() {
	g, err := headers.New(headers.Options{})
	if err != nil {
		log.Fatal(err)
	}
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })
	rec := httptest.NewRecorder()
	g.Handler(app).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	fmt.Println(rec.Header().Get("Strict-Transport-Security"))
	// Output: max-age=31536000; includeSubDomains
}

// A handler that panics gets an own page; the cause goes to the sink.
func ExampleNew_panic() {
	p, err := panoply.New(panoply.Options{Sink: func(_ context.Context, e guard.Event) {
		fmt.Println(e.Rule, e.Err)
	}})
	if err != nil {
		log.Fatal(err)
	}
	boom := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("database password is hunter2") })
	rec := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Accept", "application/json")
	p.Handler(boom).ServeHTTP(rec, r)
	fmt.Println(rec.Code, rec.Header().Get("Content-Type"))
	// Output:
	// panic panic: database password is hunter2
	// 500 application/problem+json
}

// certificate is the one that httptest carries for 127.0.0.1.
func certificate() tls.Certificate {
	srv := httptest.NewUnstartedServer(nil)
	srv.StartTLS()
	defer srv.Close()
	return srv.TLS.Certificates[0]
}

func insecureClient() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
}
