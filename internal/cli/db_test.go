package cli_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// published serves archives of advisories as OSV does: /day/npm/all.zip has some of that
// day, and so has Go. To whom it knows it answers as a registry of npm, too.
func published(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && r.URL.Path == "/-/npm/v1/security/advisories/bulk" {
		if r.Header.Get("Authorization") != "Bearer of-the-user" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"qs":[{"id":1,"url":"https://github.com/advisories/GHSA-hrpp-h998-j3pp","title":"Told by the registry","severity":"high","vulnerable_versions":">=6.7.0 <6.7.3"}]}`)
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) != 3 || parts[2] != "all.zip" {
		http.NotFound(w, r)
		return
	}
	day, ecosystem := parts[0], parts[1]
	if day == "today" {
		day = time.Now().UTC().Format(time.DateOnly)
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for i, name := range []string{"qs", "other", "another"} {
		f, err := z.Create(fmt.Sprintf("TEST-%d.json", i+1))
		if err == nil {
			_, err = fmt.Fprintf(f, `{"id":"TEST-%d","modified":"%sT00:00:00Z","summary":"A made-up hole","affected":[{"package":{"ecosystem":%q,"name":%q},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"6.7.3"}]}]}]}`, i+1, day, ecosystem, name)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	if err := z.Close(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("ETag", `"`+day+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(out.Bytes()))
}
