package wire

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/pattern"
)

var leftoversRules = check.Rules{
	{ID: "leftovers/listing", Title: "a folder shows its files", Severity: check.Low, CWE: 548, ASVS: []string{"13.4.3"},
		Bad: "app.use('/files', serveIndex('files'))", Good: "app.use('/files', express.static('files'))",
		Fix: check.Fix{
			Express: "app.use('/files', express.static('files')) without serve-index", Go: "serve files by name; http.FileServer lists folders without an index.html",
			Door: "none: the door does not know which pages are listings",
		}},
	{ID: "leftovers/repository", Title: "the repository of the source can be fetched", Severity: check.High, CWE: 527, ASVS: []string{"13.4.1"}, Fix: notServed},
	{ID: "leftovers/secrets", Title: "a file with secrets can be fetched", Severity: check.Critical, CWE: 538, ASVS: []string{"13.4.1", "13.3.1"}, Fix: notServed},
	{ID: "leftovers/source", Title: "a file of the app's own source or setup can be fetched", Severity: check.Medium, CWE: 540, ASVS: []string{"13.4.7"}, Fix: notServed},
	{ID: "leftovers/backup", Title: "a copy of data can be fetched", Severity: check.High, CWE: 530, ASVS: []string{"13.4.7"}, Fix: notServed},
	{ID: "leftovers/debug", Title: "a page for operators is open to visitors", Severity: check.Medium, CWE: 489, ASVS: []string{"13.4.5"},
		Fix: check.Fix{
			Express: "serve metrics and status on another port, on 127.0.0.1", Go: "serve net/http/pprof on another mux, on 127.0.0.1",
			Door: "none yet: the door passes paths that the app answers",
		}},
	{ID: "leftovers/source-map", Title: "a script's source map can be fetched", Severity: check.Info, CWE: 540, ASVS: []string{"13.4.7"}, Fix: notServed},
}

var notServed = check.Fix{
	Express: "serve one folder of public files only: app.use(express.static('public')); never the app's own folder",
	Go:      "serve an embedded folder of public files only: http.FileServerFS(public)",
	Door:    "none yet: move the file out of what the app serves",
}

var leftoversCheck = check.Check{
	ID: "leftovers", Practice: "errors", Title: "No folder is listed, and nothing is served that was left behind",
	Why:      "A copy of the repository or of its settings hands over the source, and often the keys.",
	Severity: check.Medium, Needs: check.Wire, Alone: true, Rules: leftoversRules, Run: runLeftovers,
	Bad:  "app.use(express.static(__dirname))",
	Good: "app.use(express.static(path.join(__dirname, 'public')))",
}

// A leftover is a file that should not be there, told by what stands in it: sites that
// answer every path alike are many.
type leftover struct {
	path, rule string
	content    pattern.Pattern
}

func left(path, rule, content string) leftover { return leftover{path, rule, pattern.New(content)} }

var leftovers = []leftover{
	left("/.git/HEAD", "leftovers/repository", `\A(?:ref: refs/[\w./-]+|[0-9a-f]{40})\s*\z`),
	left("/.git/config", "leftovers/repository", `(?m)^\[core\]\s*$`),
	left("/.svn/wc.db", "leftovers/repository", `\ASQLite format 3\x00`),
	left("/.hg/requires", "leftovers/repository", `(?m)\A(?:[a-z0-9-]+\n)*(?:revlogv1|store|share-safe|dotencode)\n`),
	left("/.env", "leftovers/secrets", envFile),
	left("/.env.local", "leftovers/secrets", envFile),
	left("/.env.production", "leftovers/secrets", envFile),
	left("/.npmrc", "leftovers/secrets", `(?m)^(?:[^\n<>]*:)?_(?:authToken|auth|password)\s*=`),
	left("/.aws/credentials", "leftovers/secrets", `(?m)^aws_secret_access_key\s*=`),
	left("/id_rsa", "leftovers/secrets", `\A-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----`),
	left("/.ssh/id_rsa", "leftovers/secrets", `\A-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----`),
	left("/package.json", "leftovers/source", `\A\s*\{[^<]*"(?:dependencies|scripts|devDependencies)"\s*:\s*\{`),
	left("/package-lock.json", "leftovers/source", `\A\s*\{[^<]*"lockfileVersion"\s*:\s*\d`),
	left("/node_modules/express/package.json", "leftovers/source", `\A\s*\{[^<]*"name"\s*:\s*"express"`),
	left("/server.js", "leftovers/source", nodeSource), left("/app.js", "leftovers/source", nodeSource), left("/index.js", "leftovers/source", nodeSource),
	left("/Dockerfile", "leftovers/source", `(?m)^FROM \S+[^<]*\n(?:[^<]*\n)?(?:RUN|COPY|CMD|ENTRYPOINT|WORKDIR) `),
	left("/docker-compose.yml", "leftovers/source", `(?m)^services:\s*$`),
	left("/.DS_Store", "leftovers/source", `\A\x00\x00\x00\x01Bud1`),
	left("/npm-debug.log", "leftovers/source", `\A0 (?:info|verbose) `),
	left("/dump.sql", "leftovers/backup", sqlDump), left("/backup.sql", "leftovers/backup", sqlDump), left("/db.sqlite", "leftovers/backup", `\ASQLite format 3\x00`),
	left("/backup.zip", "leftovers/backup", `\APK\x03\x04`), left("/backup.tar.gz", "leftovers/backup", `\A\x1f\x8b\x08`),
	left("/debug/pprof/", "leftovers/debug", `(?i)/debug/pprof/\s*</title>|<title>/debug/pprof/`),
	left("/debug/vars", "leftovers/debug", `\A\s*\{[^<]*"memstats"\s*:\s*\{`),
	left("/metrics", "leftovers/debug", `(?m)^# TYPE \w+ (?:counter|gauge|histogram|summary|untyped)$`),
	left("/server-status", "leftovers/debug", `<title>Apache Status</title>`),
	left("/phpinfo.php", "leftovers/debug", `<title>(?:phpinfo\(\)|PHP [\d.]+[^<]* - phpinfo\(\))</title>`),
	left("/actuator/env", "leftovers/debug", `\A\s*\{[^<]*"propertySources"\s*:\s*\[`),
}

const (
	envFile    = `\A(?:\s*(?:#[^\n]*)?\n)*(?:export )?[A-Z][A-Z0-9_]*=[^\n<]*(?:\n|\z)`
	nodeSource = `(?m)^\s*(?:const|let|var)\s+\{?[\w\s,:]+\}?\s*=\s*require\(['"](?:node:)?(?:express|http|https|fs|koa|fastify|path|dotenv)['"]\)|^import [^;\n]+ from ['"](?:node:)?(?:express|http|https|fs|koa|fastify)['"]`
	sqlDump    = `(?i)\A(?:-- [^\n]*\n|/\*[^\n]*\n|\s)*(?:[^<]*\n)??(?:CREATE TABLE|INSERT INTO|PRAGMA foreign_keys|SET SQL_MODE|SET statement_timeout)`
)

// listings are pages that a server makes of a folder.
var listings = []signature{
	sign("nginx or Apache", `<title>Index of /`),
	sign("serve-index", `<ul id="files" class="view-(?:tiles|details)">`),
	sign("Python http.server", `<title>Directory listing for /`),
	sign("Go net/http", `\A(?:<!doctype html>\n<meta name="viewport" content="width=device-width">\n)?<pre>\n(?:<a href="[^"]*">[^<]*</a>\n)*</pre>\n\z`),
	sign("Caddy", `(?s)<div class="listing|<table[^>]*aria-describedby="summary".*class="size" data-size=`),
	sign("IIS", `<title>[^<]* - /[^<]*</title>.{0,200}<H1>[^<]* - /`),
	sign("serve", `<title>Files within [^<]*</title>`),
	sign("Jetty or Tomcat", `<title>Directory(?: Listing For|: )`),
}

const maxListed = 6

func runLeftovers(ctx context.Context, s *check.Session) check.Result {
	var found []check.Finding
	judged := make(map[string]bool)
	add := func(id, subject string, e check.Evidence, format string, args ...any) {
		if key := id + "\n" + subject; !judged[key] {
			judged[key] = true
			found = append(found, leftoversRules.Find(id, subject, e).Saying(format, args...))
		}
	}
	requests := make([]check.Request, len(leftovers))
	for i, l := range leftovers {
		requests[i] = check.Request{Path: l.path}
	}
	all, err := fetch(ctx, s, requests...)
	loaded := loadedPaths(ctx, s)
	answered := 0
	for _, x := range all {
		answered++
		i := slices.IndexFunc(leftovers, func(l leftover) bool { return l.path == x.Request.Path })
		l := leftovers[i]
		if x.Status != 200 || bytes.HasPrefix(bytes.TrimSpace(x.Body), []byte("<")) && l.rule != "leftovers/debug" {
			continue
		}
		// A script that pages load is no source that was left behind.
		if !loaded[l.path] && l.content.Get().Match(head(x)) {
			found = append(found, leftoversRules.Find(l.rule, l.path, withoutBody(x)).Saying("%s can be fetched", l.path))
		}
	}
	folders, maps := places(ctx, s)
	more, folderErr := fetch(ctx, s, folders...)
	for _, x := range more {
		if name, at := match(listings, head(x)); at != nil && x.Status == 200 {
			add("leftovers/listing", x.Request.Path, excerpt(x, at), "%s is listed, as %s does it", x.Request.Path, name)
		}
	}
	more, _ = fetch(ctx, s, maps...)
	for _, x := range more {
		if sourceMap.Get().Match(head(x)) && x.Status == 200 {
			add("leftovers/source-map", x.Request.Path, withoutBody(x), "%s can be fetched", x.Request.Path)
		}
	}
	if answered == 0 {
		if err == nil {
			err = folderErr
		}
		return check.NotProven("no left-over file could be asked for: "+fmt.Sprint(err), found...)
	}
	return check.Conclude(fmt.Sprintf("%d usual left-over files and %d folders were asked for", answered, len(folders)), found)
}

var sourceMap = pattern.New(`\A\s*(?:\)\]\}'[^\n]*\n)?\{[^<]{0,400}"(?:version|mappings|sources)"\s*:`)

// withoutBody is evidence of a file whose contents are nobody's business.
func withoutBody(x *check.Exchange) check.Evidence {
	e := x.Evidence("Content-Type", "Content-Length")
	e.Seen += "\n\n(its contents are not shown)"
	return e
}

// loadedPaths are the paths that pages lead to.
func loadedPaths(ctx context.Context, s *check.Session) map[string]bool {
	site, _ := s.Crawl(ctx)
	paths := make(map[string]bool)
	for _, p := range site.Pages {
		if p.From != "missing" {
			path, _, _ := strings.Cut(p.Request.Path, "?")
			paths[path] = true
		}
	}
	return paths
}

// places returns the folders that the crawl saw something in, and the source maps of
// the scripts that it saw.
func places(ctx context.Context, s *check.Session) (folders, maps []check.Request) {
	site, _ := s.Crawl(ctx)
	seen := map[string]bool{"": true}
	for _, p := range site.Pages {
		if p.Request.As != check.Visitor || p.From == "missing" || p.Status >= 300 {
			continue
		}
		whole, _, _ := strings.Cut(p.Request.Path, "?")
		if dir := path.Dir(whole); p.Class != check.Document && path.Ext(whole) != "" && dir != "/" && !seen[dir] && len(folders) < maxListed {
			seen[dir] = true
			folders = append(folders, check.Request{Path: dir + "/"})
		}
		if strings.HasSuffix(whole, ".js") && len(maps) < maxListed {
			maps = append(maps, check.Request{Path: whole + ".map"})
		}
	}
	for _, dir := range []string{"/uploads/", "/files/", "/backup/"} {
		folders = append(folders, check.Request{Path: dir})
	}
	folders = append(folders, check.Request{Path: s.URL.RequestURI()})
	return folders, maps
}
