package npmsign_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/deps"
	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/npmregistry"
	"github.com/panoplysec/panoply/internal/packument"
)

// A signer is a key of a registry.
type signer struct {
	id, expires string
	key         *ecdsa.PrivateKey
}

func newSigner(t *testing.T, id, expires string) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{id, expires, key}
}

func (s *signer) sign(t *testing.T, message string) map[string]string {
	t.Helper()
	sum := sha256.Sum256([]byte(message))
	sig, err := ecdsa.SignASN1(rand.Reader, s.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"keyid": s.id, "sig": base64.StdEncoding.EncodeToString(sig)}
}

func (s *signer) public(t *testing.T) map[string]any {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&s.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	k := map[string]any{"expires": nil, "keyid": s.id, "keytype": "ecdsa-sha2-nistp256", "scheme": "ecdsa-sha2-nistp256", "key": base64.StdEncoding.EncodeToString(der)}
	if s.expires != "" {
		k["expires"] = s.expires
	}
	return k
}

// A registry serves made-up packages.
type registry struct {
	keys []any
	// dists are by package; all have the version 1.0.0.
	dists map[string]map[string]any
	time  string
	// serve answers before all else, when it answers true.
	serve func(http.ResponseWriter, *http.Request) bool
}

func integrity(name string) string {
	return "sha512-" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte(name[len(name)-1:]), 64))
}

func (r *registry) packument(name string) []byte {
	text, _ := json.Marshal(map[string]any{
		"name": name, "dist-tags": map[string]string{"latest": "1.0.0"}, "time": map[string]string{"1.0.0": r.time},
		"versions": map[string]any{"1.0.0": map[string]any{"name": name, "version": "1.0.0", "dist": r.dists[name]}},
	})
	return text
}

func (r *registry) start(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		name := strings.TrimPrefix(q.URL.Path, "/")
		switch {
		case r.serve != nil && r.serve(w, q):
		case name == "-/npm/v1/keys" && r.keys != nil:
			json.NewEncoder(w).Encode(map[string]any{"keys": r.keys})
		case r.dists[name] != nil:
			w.Write(r.packument(name))
		default:
			http.NotFound(w, q)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// app is a folder that has all packages of the registry locked and installed.
func (r *registry) app(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	needs, packages := map[string]string{}, map[string]any{}
	for name := range r.dists {
		needs[name] = "1.0.0"
		packages["node_modules/"+name] = map[string]any{"version": "1.0.0", "integrity": integrity(name)}
		write(t, filepath.Join(dir, "node_modules", name, "package.json"), map[string]any{"name": name, "version": "1.0.0"})
	}
	packages[""] = map[string]any{"name": "shop", "version": "1.0.0", "dependencies": needs}
	write(t, filepath.Join(dir, "package.json"), packages[""])
	write(t, filepath.Join(dir, "package-lock.json"), map[string]any{"name": "shop", "version": "1.0.0", "lockfileVersion": 3, "requires": true, "packages": packages})
	return dir
}

func write(t *testing.T, name string, v any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(name), 0o700)
	}
	if err == nil {
		err = os.WriteFile(name, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// told are the findings about signatures, sorted: "rule subject".
func told(t *testing.T, dir string, from check.Documents) (found []string, p audit.Practice, failed bool) {
	t.Helper()
	report, err := audit.Run(t.Context(), []check.Target{{Folder: dir, Documents: from}}, deps.Checks(), audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Findings {
		if rule, ok := strings.CutPrefix(f.ID, "dependencies/"); ok {
			found = append(found, rule+" "+f.Subject)
		}
	}
	slices.Sort(found)
	p, _ = report.Practice("dependencies")
	return found, p, report.Failed
}

func client(t *testing.T, address string) *npmregistry.Client {
	t.Helper()
	name := filepath.Join(t.TempDir(), "npmrc")
	if err := os.WriteFile(name, []byte("registry="+address+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings, err := npmregistry.Load(npmregistry.Sources{User: name})
	if err != nil {
		t.Fatal(err)
	}
	c, err := npmregistry.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// all is a registry with each kind of signature.
func all(t *testing.T) *registry {
	good, old, stranger := newSigner(t, "SHA256:good", ""), newSigner(t, "SHA256:old", "2020-01-01T00:00:00.000Z"), newSigner(t, "SHA256:stranger", "")
	r := &registry{keys: []any{good.public(t), old.public(t)}, dists: map[string]map[string]any{}, time: "2024-05-01T00:00:00.000Z"}
	add := func(name string, signatures ...any) {
		d := map[string]any{"integrity": integrity(name), "tarball": "http://registry.test/x.tgz"}
		if signatures != nil {
			d["signatures"] = signatures
		}
		r.dists[name] = d
	}
	message := func(name string) string { return name + "@1.0.0:" + integrity(name) }
	add("good", good.sign(t, message("good")))
	add("@scope/good", good.sign(t, message("@scope/good")))
	add("of-another", good.sign(t, message("good")))
	add("missing")
	add("expired", old.sign(t, message("expired")))
	add("stranger", stranger.sign(t, message("stranger")))
	return r
}

var wantAll = []string{
	"signature-invalid of-another@1.0.0", "signature-key expired@1.0.0", "signature-key stranger@1.0.0", "signature-missing missing@1.0.0",
}

func TestEachState(t *testing.T) {
	r := all(t)
	address := r.start(t)
	dir := r.app(t)
	found, _, failed := told(t, dir, client(t, address))
	if !slices.Equal(found, wantAll) || failed {
		t.Errorf("findings = %q, failed %v, want %q", found, failed, wantAll)
	}
	for _, name := range []string{"of-another", "expired", "stranger", "missing"} {
		delete(r.dists, name)
	}
	found, p, failed := told(t, r.app(t), client(t, address))
	if len(found) > 0 || failed || !strings.Contains(p.Reason, "2 packages with good signatures") {
		t.Errorf("findings = %q, failed %v, %q, want 2 good ones", found, failed, p.Reason)
	}
}

func TestTheSameFromFiles(t *testing.T) {
	r := all(t)
	dir, files := r.app(t), t.TempDir()
	for name := range r.dists {
		file := filepath.Join(files, strings.Replace(name, "/", "%2f", 1)+".json")
		if err := os.WriteFile(file, r.packument(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	keys, _ := json.Marshal(map[string]any{"keys": r.keys})
	from := &packument.Folder{Files: os.DirFS(files), Name: "mirror", KeyFile: keys}
	if found, _, failed := told(t, dir, from); !slices.Equal(found, wantAll) || failed {
		t.Errorf("findings = %q, failed %v, want %q", found, failed, wantAll)
	}
	r.dists = map[string]map[string]any{"good": r.dists["good"]}
	os.Remove(filepath.Join(files, "good.json"))
	if _, p, failed := told(t, r.app(t), from); !failed || !strings.Contains(p.Reason, `packument of "good"`) {
		t.Errorf("without a packument failed = %v with %q, want an answer that is not complete", failed, p.Reason)
	}
}

// TestNPMSaysTheSame lets npm audit signatures judge the same packages. It stops at a key
// that does not count, so those are apart.
func TestNPMSaysTheSame(t *testing.T) {
	npm := need.Program(t, "npm")
	for _, tc := range []struct {
		without []string
		invalid []string
		missing []string
		fails   string
	}{
		{[]string{"expired", "stranger"}, []string{"of-another"}, []string{"missing"}, ""},
		{[]string{"expired", "stranger", "of-another", "missing"}, nil, nil, ""},
		{[]string{"stranger", "of-another"}, nil, nil, "EEXPIREDSIGNATUREKEY"},
		{[]string{"expired", "of-another"}, nil, nil, "EMISSINGSIGNATUREKEY"},
	} {
		t.Run(strings.Join(tc.without, " "), func(t *testing.T) {
			r := all(t)
			for _, name := range tc.without {
				delete(r.dists, name)
			}
			address := r.start(t)
			dir := r.app(t)
			found, _, _ := told(t, dir, client(t, address))

			home := t.TempDir()
			// npm asks sigstore's repository for keys first; that is cut off here.
			hook := filepath.Join(home, "offline.js")
			if err := os.WriteFile(hook, []byte(offline), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(npm, "audit", "signatures", "--json", "--registry="+address, "--cache="+filepath.Join(home, "cache"), "--userconfig="+filepath.Join(home, "npmrc"))
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+home, "NODE_OPTIONS=--require="+hook)
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			err := cmd.Run()
			if tc.fails != "" {
				if err == nil || !strings.Contains(out.String()+errs.String(), tc.fails) {
					t.Errorf("npm = %v, %s%s, want %s", err, out.String(), errs.String(), tc.fails)
				}
				if !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, "signature-key ") }) {
					t.Errorf("findings = %q, want one of a key", found)
				}
				return
			}
			var said struct {
				Invalid, Missing []struct{ Name string }
			}
			if err := json.Unmarshal(out.Bytes(), &said); err != nil {
				t.Fatalf("npm: %v: %s%s", err, out.String(), errs.String())
			}
			var want []string
			for _, p := range said.Invalid {
				want = append(want, "signature-invalid "+p.Name+"@1.0.0")
			}
			for _, p := range said.Missing {
				want = append(want, "signature-missing "+p.Name+"@1.0.0")
			}
			slices.Sort(want)
			if !slices.Equal(found, want) || len(said.Invalid) != len(tc.invalid) || len(said.Missing) != len(tc.missing) {
				t.Errorf("findings = %q, npm says %q, want %q and %q", found, want, tc.invalid, tc.missing)
			}
		})
	}
}

// offline lets npm's client of sigstore's repository know no keys of any registry, as it
// knows none of a local one.
const offline = `const Module = require('module'); const load = Module._load
Module._load = function (name, ...rest) {
  if (name !== '@sigstore/tuf') return load.call(this, name, ...rest)
  return {initTUF: async () => ({getTarget: async () => { throw Object.assign(new Error('none'), {code: 'TUF_FIND_TARGET_ERROR'}) }})}
}
`

func TestLyingRegistries(t *testing.T) {
	t.Run("another checksum than was signed", func(t *testing.T) {
		r := all(t)
		r.dists = map[string]map[string]any{"good": r.dists["good"]}
		r.dists["good"]["integrity"] = integrity("evil")
		address := r.start(t)
		if found, _, _ := told(t, r.app(t), client(t, address)); !slices.Equal(found, []string{"signature-invalid good@1.0.0"}) {
			t.Errorf("findings = %q, want an invalid one", found)
		}
	})
	t.Run("another checksum than is locked, well signed", func(t *testing.T) {
		r := all(t)
		good := newSigner(t, "SHA256:good", "")
		r.keys = []any{good.public(t)}
		r.dists = map[string]map[string]any{"good": {"integrity": integrity("evil"), "signatures": []any{good.sign(t, "good@1.0.0:"+integrity("evil"))}}}
		address := r.start(t)
		if found, _, _ := told(t, r.app(t), client(t, address)); !slices.Equal(found, []string{"signature-invalid good@1.0.0"}) {
			t.Errorf("findings = %q, want an invalid one", found)
		}
	})
	t.Run("attested", func(t *testing.T) {
		r := all(t)
		r.dists = map[string]map[string]any{"good": r.dists["good"]}
		r.dists["good"]["attestations"] = map[string]any{"url": "http://registry.test/a"}
		address := r.start(t)
		if found, p, _ := told(t, r.app(t), client(t, address)); !slices.Equal(found, []string{"attestations package-lock.json"}) || p.Status == check.Broken {
			t.Errorf("findings = %q, %s, want a note", found, p.Status)
		}
	})
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{}`)) }))
	t.Cleanup(other.Close)
	for name, tc := range map[string]struct {
		serve func(http.ResponseWriter, *http.Request) bool
		says  string
	}{
		"leads to another host": {func(w http.ResponseWriter, q *http.Request) bool {
			http.Redirect(w, q, other.URL+q.URL.Path, http.StatusFound)
			return true
		}, "a redirect is not followed"},
		"denies": {func(w http.ResponseWriter, q *http.Request) bool {
			http.Error(w, "no", http.StatusForbidden)
			return true
		}, "answers 403"},
		"huge keys": {func(w http.ResponseWriter, q *http.Request) bool {
			fmt.Fprint(w, strings.Repeat(" ", 1<<20+1))
			return true
		}, "more than 1 MiB"},
		"broken keys": {func(w http.ResponseWriter, q *http.Request) bool {
			fmt.Fprint(w, `{"keys":[{"keyid":"a","keytype":"ecdsa-sha2-nistp256","key":"!"}]}`)
			return true
		}, "no base64"},
		"packument of another": {func(w http.ResponseWriter, q *http.Request) bool {
			if strings.HasSuffix(q.URL.Path, "keys") {
				return false
			}
			fmt.Fprint(w, `{"name":"evil\u001b[2J"}`)
			return true
		}, `is that of "evil`},
		"fails": {func(w http.ResponseWriter, q *http.Request) bool {
			http.Error(w, "no", http.StatusInternalServerError)
			return true
		}, "answers 500"},
	} {
		t.Run(name, func(t *testing.T) {
			r := all(t)
			r.serve = tc.serve
			address := r.start(t)
			found, p, failed := told(t, r.app(t), client(t, address))
			if len(found) > 0 || !failed || p.Status != check.Unproven || !strings.Contains(p.Reason, tc.says) || strings.Contains(p.Reason, "\x1b") {
				t.Errorf("findings = %q, %s %q, failed %v, want not proven with %q", found, p.Status, p.Reason, failed, tc.says)
			}
		})
	}
	t.Run("no keys", func(t *testing.T) {
		r := all(t)
		r.keys = nil
		address := r.start(t)
		if found, p, failed := told(t, r.app(t), client(t, address)); len(found) > 0 || failed || p.Status != check.Unproven || !strings.Contains(p.Reason, "has no keys") {
			t.Errorf("findings = %q, %s %q, failed %v, want not proven", found, p.Status, p.Reason, failed)
		}
	})
}
