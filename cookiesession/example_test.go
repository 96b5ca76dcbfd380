package cookiesession_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/panoplysec/panoply/cookiesession"
)

func Example() {
	sessions, err := cookiesession.New(cookiesession.Options{Keys: [][]byte{[]byte("the Express app's key")}})
	if err != nil {
		panic(err)
	}
	h := sessions.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s := cookiesession.From(r.Context())
		user, _ := s.Get("user")
		fmt.Println(string(user))
		if err := s.Set("seen", true); err != nil {
			fmt.Println(err)
		}
	}))
	r := httptest.NewRequest("GET", "https://shop.example/", nil)
	r.Header.Set("Cookie", "session=eyJ1c2VyIjoiYW5uIn0=; session.sig=MLefK5I10_L2b3Vfdv1culRch0c") // as the app has set it
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(w.Header()["Set-Cookie"][0])
	// Output:
	// "ann"
	// session=eyJ1c2VyIjoiYW5uIiwic2VlbiI6dHJ1ZX0=; path=/; samesite=lax; secure; httponly
}
