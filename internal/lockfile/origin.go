package lockfile

import (
	"net/url"
	"strings"

	"github.com/panoplysec/panoply/internal/npmsemver"
)

// An Origin is what a lockfile tells of where the files of a package come from. Fields that
// it does not tell are empty.
type Origin struct {
	// Resolved is the address, and Sum the checksum as it is written: "sha512-…", of Yarn 1
	// also "sha1-" and hexadecimal digits, of Yarn 2 and later what it calls checksum.
	Resolved, Sum string
	// Deprecated is what its authors say about not using it any more.
	Deprecated string
	// Script says that it runs a script when it is installed.
	Script bool
}

// Integrity is the checksum of its tarball in the form of Subresource Integrity:
// "sha512-…"; of Go modules that of go.sum, "h1:…". It is empty where the lockfile has none,
// or one of something else than the tarball, or in another form.
func (p *Package) Integrity() string {
	sum := p.Origin.Sum
	if old := strings.HasPrefix(sum, "sha1-") && len(sum) == len("sha1-")+40; !old && strings.HasPrefix(sum, "sha") || strings.HasPrefix(sum, "h1:") {
		return sum
	}
	return ""
}

// tarball reads the address of a registry's tarball, as npm does where a lockfile tells
// nothing else: "https://host/@scope/name/-/name-1.2.3.tgz".
func tarball(address string) (name, version string, ok bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return "", "", false
	}
	at := strings.LastIndex(u.Path, "/-/")
	if at < 0 {
		return "", "", false
	}
	before, file := u.Path[:at], u.Path[at+len("/-/"):]
	scope := ""
	if at = strings.LastIndexByte(before, '/'); at >= 0 {
		scope, name = before[strings.LastIndexByte(before[:at], '/')+1:at], before[at+1:]
	}
	version, ok = strings.CutPrefix(strings.TrimSuffix(file, ".tgz"), name+"-")
	if strings.HasPrefix(scope, "@") {
		name = scope + "/" + name
	}
	_, err = npmsemver.Parse(version, npmsemver.Options{})
	return name, version, ok && err == nil && registryName(name)
}

// archived gives a package from an address the name and the version of the address, where
// that is a registry's.
func (p *Package) archived(address string) {
	name, version, ok := tarball(address)
	if p.Source != Archive || !ok {
		return
	}
	if p.Alias == "" && p.Name != name {
		p.Name, p.Alias = name, p.Name
	}
	if p.Version == "" {
		p.Version = version
	}
}

// registryName says that a registry can have a package of the name: one that can stand in
// an address as it is, perhaps behind a scope.
func registryName(name string) bool {
	if scope, rest, ok := strings.Cut(name, "/"); ok && strings.HasPrefix(scope, "@") && len(scope) > 1 {
		return plainName(scope[1:]) && plainName(rest)
	}
	return plainName(name)
}

func plainName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-_.!~*'()", rune(c)) {
			return false
		}
	}
	return s != ""
}

// npmOrigin is that of an entry of package-lock.json.
func npmOrigin(v *value) Origin {
	return Origin{
		Resolved: v.get("resolved").str(), Sum: v.get("integrity").str(), Deprecated: v.get("deprecated").str(),
		Script: v.get("hasInstallScript").isTrue(),
	}
}

// yarnOrigin is that of an entry of Yarn 1, which has the checksum in the address too.
func yarnOrigin(v *value) Origin {
	o := Origin{Sum: v.get("integrity").str()}
	var sum string
	if o.Resolved, sum, _ = strings.Cut(v.get("resolved").str(), "#"); len(sum) == 40 && o.Sum == "" && !strings.Contains(o.Resolved, ".git") {
		o.Sum = "sha1-" + sum
	}
	if o.Sum == "" {
		o.Resolved = v.get("resolved").str() // of a repository, what follows is the commit
	}
	return o
}

// berryOrigin is that of an entry of Yarn 2 and later.
func berryOrigin(v *value, from string) Origin {
	o := Origin{Sum: v.get("checksum").str()}
	if _, archive, ok := strings.Cut(from, "::__archiveUrl="); ok {
		if address, err := url.QueryUnescape(archive); err == nil {
			o.Resolved = address
		}
	} else if !strings.HasPrefix(from, "npm:") {
		o.Resolved = from
	}
	return o
}

// pnpmOrigin is that of an entry of pnpm's packages.
func pnpmOrigin(v *value) Origin {
	r := v.get("resolution")
	o := Origin{Resolved: r.get("tarball").str(), Sum: r.get("integrity").str(), Deprecated: v.get("deprecated").str(), Script: v.get("requiresBuild").isTrue()}
	if repo := r.get("repo").str(); repo != "" {
		o.Resolved = repo + "#" + r.get("commit").str()
	}
	return o
}

// bunOrigin is that of an entry of bun's, whose parts are the package, its registry, what
// it needs and its checksum.
func bunOrigin(parts []member, trusted bool) Origin {
	o := Origin{Script: trusted}
	if len(parts) > 1 && parts[1].kind == scalar {
		o.Resolved = parts[1].text
	}
	if last := parts[len(parts)-1]; len(parts) > 2 && last.kind == scalar && strings.HasPrefix(last.text, "sha") {
		o.Sum = last.text
	}
	return o
}
