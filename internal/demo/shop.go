package demo

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
)

//go:embed templates static
var files embed.FS

// maxForm bounds what the shop reads of a request body. An Express app would say
// 100kb too.
const maxForm = 100 << 10

// shop is one instance: its data lives and dies with it, as in a memory store.
type shop struct {
	pages    map[string]*template.Template
	sessions *memoryStore

	// thread stands for Node's only thread: the slow pattern holds it, and every
	// request waits for it.
	thread sync.RWMutex

	mu      sync.Mutex
	reviews map[string][]review
	orders  int
}

type review struct{ Author, Text string }

// maxReviews is how many reviews a product keeps; older ones are dropped.
const maxReviews = 50

// Shop returns the naked shop. Each call makes one with data of its own. It is safe
// for concurrent use and answers only on loopback connections: any other gets 403.
func Shop() http.Handler {
	s := &shop{
		pages:    parsePages(),
		sessions: newMemoryStore(),
		reviews: map[string][]review{
			"helmet": {{"Leonidas", "Fits well, <b>very</b> shiny. I can hear nothing."}},
			"shield": {{"Brasidas", "Came back with it. Would buy again."}},
		},
	}
	static, err := fs.Sub(files, "static")
	if err != nil {
		panic("demo: embedded files: " + err.Error())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /product/{id}", s.product)
	mux.HandleFunc("POST /product/{id}/review", s.addReview)
	mux.HandleFunc("GET /search", s.search)
	mux.HandleFunc("GET /login", s.loginForm)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.logout)
	mux.HandleFunc("GET /account", s.account)
	mux.HandleFunc("GET /cart", s.cart)
	mux.HandleFunc("POST /cart", s.addToCart)
	mux.HandleFunc("POST /checkout", s.checkout)
	mux.HandleFunc("GET /tools/ping", s.ping)
	mux.HandleFunc("GET /newsletter", s.newsletter)
	mux.HandleFunc("POST /newsletter", s.newsletter)
	mux.HandleFunc("GET /naked", s.naked)
	mux.HandleFunc("GET /api/products", s.apiProducts)
	mux.HandleFunc("GET /api/boom", apiBoom)
	mux.HandleFunc("GET /boom", boom)
	mux.HandleFunc("GET /api/versions", manifest)
	mux.HandleFunc("GET /static/{file}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, static, r.PathValue("file"))
	})
	mux.HandleFunc("/", notFound)
	return s.express(mux)
}

// express is what stands before every route of a careless Express app: the banner, the
// body parser whose errors show a stack, and the session that everyone gets.
func (s *shop) express(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !onLoopback(r) {
			http.Error(w, "the naked shop answers on loopback only", http.StatusForbidden)
			return
		}
		s.thread.RLock() // wait for the thread, then go on
		//lint:ignore SA2001 the wait is all that is wanted
		s.thread.RUnlock()
		w.Header().Set("X-Powered-By", "Express")
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") && r.ContentLength != 0 {
			var body any
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				stackPage(w, http.StatusBadRequest, "SyntaxError: Unexpected token in JSON at position 0", jsonFrames)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// onLoopback tells whether the connection came in on a loopback address. A request
// that no server made (a test's) has no such address and passes.
func onLoopback(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return true
	}
	ap, err := netip.ParseAddrPort(addr.String())
	return err == nil && ap.Addr().Unmap().IsLoopback()
}

func (s *shop) home(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, "home", "Hoplite Outfitters", products)
}

type productPage struct {
	product
	Reviews []template.HTML
}

func (s *shop) product(w http.ResponseWriter, r *http.Request) {
	p, ok := byID(r.PathValue("id"))
	if !ok {
		notFound(w, r)
		return
	}
	page := productPage{product: p}
	s.mu.Lock()
	for _, v := range s.reviews[p.ID] {
		// BROKEN ON PURPOSE (xss, stored): the visitor's text becomes markup.
		page.Reviews = append(page.Reviews, template.HTML("<b>"+v.Author+"</b>: "+v.Text))
	}
	s.mu.Unlock()
	s.render(w, r, "product", p.Name, page)
}

// addReview stores whatever any site made the visitor's browser send.
func (s *shop) addReview(w http.ResponseWriter, r *http.Request) {
	p, ok := byID(r.PathValue("id"))
	if !ok {
		notFound(w, r)
		return
	}
	s.mu.Lock()
	all := append(s.reviews[p.ID], review{r.PostFormValue("author"), r.PostFormValue("text")})
	s.reviews[p.ID] = all[max(0, len(all)-maxReviews):]
	s.mu.Unlock()
	redirect(w, r, "/product/"+p.ID)
}

type searchPage struct {
	Echo  template.HTML
	Query string
	Rows  [][]string
}

func (s *shop) search(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query().Get("q")
	// BROKEN ON PURPOSE (sql-injection): the query is joined from strings.
	query := "SELECT id, name, price FROM products WHERE name LIKE '%" + q + "%'"
	rows, err := evaluate(query)
	if err != nil {
		// BROKEN ON PURPOSE (errors): the statement and the stack go to the visitor.
		stackPage(w, http.StatusInternalServerError, "SqliteError: "+err.Error()+" in: "+query, sqlFrames)
		return
	}
	// BROKEN ON PURPOSE (xss, reflected): what was asked comes back as markup.
	s.render(w, r, "search", "Search", searchPage{Echo: template.HTML(q), Query: query, Rows: rows})
}

func (s *shop) cart(w http.ResponseWriter, r *http.Request) {
	page := struct {
		Items []product
		Total int
	}{}
	for _, id := range s.session(w, r).cart() {
		if p, ok := byID(id); ok {
			page.Items = append(page.Items, p)
			page.Total += p.Price
		}
	}
	s.render(w, r, "cart", "Your cart", page)
}

func (s *shop) addToCart(w http.ResponseWriter, r *http.Request) {
	if p, ok := byID(r.PostFormValue("id")); ok {
		s.session(w, r).add(p.ID)
	}
	redirect(w, r, "/cart")
}

// checkout buys. BROKEN ON PURPOSE (csrf): it does not ask where the form came from.
func (s *shop) checkout(w http.ResponseWriter, r *http.Request) {
	user, items := s.session(w, r).buy()
	if user == "" {
		redirect(w, r, "/login")
		return
	}
	s.mu.Lock()
	if items > 0 {
		s.orders++
	}
	order := s.orders
	s.mu.Unlock()
	s.render(w, r, "ordered", "Thank you", struct{ Order, Items int }{order, items})
}

func (s *shop) apiProducts(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	writeJSON(w, http.StatusOK, products)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}

// Listen listens on a TCP address for the shop. An address whose host is not a
// loopback address or "localhost" is an error: the shop must not be reachable from
// another machine.
func Listen(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("demo: listen %q: %w", addr, err)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.Unmap().IsLoopback()) {
		return nil, fmt.Errorf("demo: listen %q: the naked shop listens on loopback only, such as 127.0.0.1:0", addr)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("demo: listen: %w", err)
	}
	return ln, nil
}
