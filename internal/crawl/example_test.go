package crawl_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/panoplysec/panoply/internal/crawl"
)

func ExampleWalk() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path != "/" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprint(w, `<a href=/about>About</a> <a href=/logout>Log out</a><form action=/login method=post><input name=user></form>`)
	}))
	defer server.Close()
	address, err := url.Parse(server.URL + "/")
	if err != nil {
		fmt.Println(err)
		return
	}
	ask := &prober{url: address, client: server.Client()}
	site, err := crawl.Walk(context.Background(), crawl.Options{Do: ask.Do, URL: address})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, page := range site.Pages {
		fmt.Println(page.Status, page.Class, page.Request.Path, "-", page.From)
	}
	fmt.Println(len(site.Forms), "form,", site.Skipped)
	// Output:
	// 200 document / - given
	// 404 error /about - link on /
	// 404 error /panoply-audit-no-such-page - missing
	// 404 error /panoply-audit-no-such-page - missing
	// 1 form, map[may log out or delete:1]
}

func ExampleReadOpenAPI() {
	seeds, err := crawl.ReadOpenAPI([]byte(`
openapi: 3.0.3
paths:
  /items/{id}:
    get:
      parameters: [{name: id, in: path, example: 42}]
    delete: {}
`), &url.URL{Scheme: "https", Host: "shop.example"})
	fmt.Println(err)
	for _, s := range seeds {
		fmt.Println(s.Method, s.Path)
	}
	// Output:
	// <nil>
	// GET /items/42
	// DELETE /items/1
}
