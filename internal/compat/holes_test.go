package compat_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/shield/known"
)

// An attack is what reaches a hole of a real package, and a request like it that the app
// has to get.
type attack struct {
	name, pack string
	ids        []string
	path       string // of both
	evil, good sent
	reached    string // what the app then tells
}

// sent is a request: a query, or else a body of a type.
type sent struct {
	query, media, body string
}

func crashing(disposition string) sent {
	return sent{media: "multipart/form-data; boundary=----B", body: "------B\r\n" + disposition + "\r\n\r\nx\r\n------B--\r\n"}
}

func jsonText(text string) sent { return sent{media: "application/json", body: text} }

var holeAttacks = []attack{
	{"a prototype in the query", "qs", []string{"CVE-2022-24999"}, "/qs", sent{query: "a[__proto__]=b&a[__proto__]&a[length]=100"}, sent{query: "a[b]=__proto__"}, "qs"},
	{"a redirect elsewhere", "express", []string{"CVE-2024-29041"}, "/go", sent{query: "next=" + url.QueryEscape(`http://shop.example\@evil.example`)}, sent{query: "next=/cart"}, "redirect"},
	{"options of EJS", "ejs", []string{"CVE-2022-29078"}, "/ejs", sent{query: "settings[view%20options][outputFunctionName]=x;global.reached.ejs=1;x"}, sent{query: "name=settings&view+options=1"}, "ejs"},
	{"a layout of Handlebars", "express-handlebars", []string{"CVE-2021-32820"}, "/handlebars", sent{query: "layout=secret.txt"}, sent{query: "a[layout]=x"}, "layout"},
	{"options of Squirrelly", "squirrelly", []string{"CVE-2021-32819"}, "/squirrelly", sent{query: "defaultFilter=" + url.QueryEscape(`e')); global.reached.squirrelly=1; //`)}, sent{query: "name=x"}, "squirrelly"},
	{"a deep form", "body-parser", []string{"CVE-2024-45590"}, "/form", sent{media: "application/x-www-form-urlencoded", body: "a" + strings.Repeat("[a]", 200) + "=1"},
		sent{media: "application/x-www-form-urlencoded", body: "a[b][c]=1&d=2"}, "depth"},
	{"a constructor for lodash", "lodash", []string{"CVE-2019-10744"}, "/merge", jsonText(`{"constructor":{"prototype":{"lodash":1}}}`), jsonText(`{"constructor":"Ferrari","a":{"prototype":1}}`), "lodash"},
	{"a path for set-value", "set-value", []string{"CVE-2019-10747"}, "/set", jsonText(`{"path":"constructor.prototype.set"}`), jsonText(`{"path":"a.constructor"}`), "set"},
	{"a function in a text", "node-serialize", []string{"CVE-2017-5941"}, "/unserialize", jsonText(`{"data":"{\"a\":\"_$$ND_FUNC$$_function(){global.reached.serialize=1}()\"}"}`), jsonText(`{"data":"{\"a\":\"$$\"}"}`), "serialize"},
	{"a constructor in an upload", "express-fileupload", []string{"CVE-2020-7699"}, "/files", crashing(`Content-Disposition: form-data; name="constructor.prototype.upload"`), crashing(`Content-Disposition: form-data; name="a.b"`), "upload"},
	{"a part that dicer fails on", "dicer", []string{"CVE-2022-24434"}, "/multer", crashing(` Content-Disposition: form-data; name="a"`), crashing(`Content-Disposition: form-data; name="a"`), "crash"},
}

// TestHoles attacks real packages with holes, behind a door without a shield, where the
// attack must get through, and with the one that is known, where it must not, and what is
// like it must.
func TestHoles(t *testing.T) {
	modules := need.Holes(t, "express", "ejs", "express-fileupload", "express-handlebars", "lodash", "multer", "node-serialize", "set-value", "squirrelly")
	app := node(t, "holes.cjs", "NODE_PATH="+modules)
	port := app.port(t)
	for _, a := range holeAttacks {
		t.Run(a.name, func(t *testing.T) {
			row, ok := known.For(a.pack, a.ids, nil)
			if !ok || len(row.Refuse) == 0 {
				t.Fatalf("known.For(%s) = %+v, %v, want a shield", a.pack, row, ok)
			}
			naked := configFor(t, port)
			openDoor(t, naked)
			request(t, naked, a.path, a.evil)
			if got := told(t, port); got[a.reached] == nil {
				t.Fatalf("without a shield the app tells %v, want %s: the attack is none", got, a.reached)
			}
			cfg := configFor(t, port)
			s := config.Shield{ID: a.ids[0], Reason: "a test", Until: "2999-12-31"}
			for _, c := range row.Only {
				s.Only = append(s.Only, config.Condition(c))
			}
			for _, c := range row.Refuse {
				s.Refuse = append(s.Refuse, config.Condition(c))
			}
			cfg.Shields = []config.Shield{s}
			if err := cfg.Validate(); err != nil {
				t.Fatal(err)
			}
			openDoor(t, cfg)
			if code := request(t, cfg, a.path, a.evil); code != http.StatusForbidden && code != http.StatusBadRequest {
				t.Errorf("the attack: %d, want 403 or 400", code)
			}
			if got := told(t, port); len(got) > 0 {
				t.Errorf("with the shield the app tells %v, want nothing", got)
			}
			if code := request(t, cfg, a.path, a.good); code >= 400 {
				t.Errorf("an ordinary request: %d", code)
			}
		})
	}
}

// told is what attacks have reached since it was asked last.
func told(t *testing.T, port int) (got map[string]any) {
	t.Helper()
	res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/reached", port))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	return got
}

// request sends s through the door and returns the status, 0 where there is no answer.
func request(t *testing.T, cfg *config.Config, path string, s sent) int {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", cfg.Listen, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	var b strings.Builder
	method, target := "GET", path
	if s.query != "" {
		target += "?" + s.query
	}
	if s.media != "" {
		method = "POST"
	}
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n", method, target)
	if s.media != "" {
		fmt.Fprintf(&b, "Content-Type: %s\r\nContent-Length: %d\r\n", s.media, len(s.body))
	}
	if _, err := io.WriteString(conn, b.String()+"\r\n"+s.body); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}
