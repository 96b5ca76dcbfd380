package npmregistry

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"strings"
)

// PublicRegistry is npm's own, which is asked where no setting names another. To build and
// test this program takes no registry that its files name.
const (
	publicHost     = "registry.npmjs.org"
	PublicRegistry = "https://" + publicHost + "/"
)

// Sources are where settings are read from, the strongest first: variables, the project's
// file, the user's, the machine's.
type Sources struct {
	// Environ is as os.Environ gives it.
	Environ []string
	// Project is the .npmrc of an audited folder that is trusted; empty for none. Of it
	// only the addresses of registries are taken, as they are written: no variable is put
	// in, and it says nothing of credentials, proxies or certificates.
	Project string
	// User and Machine are .npmrc files of the user's own; empty, or not there, for none.
	// npm_config_userconfig and npm_config_globalconfig name others.
	User, Machine string
}

// Settings are what Load has read.
type Settings struct {
	// Registry is the address of packages without a scope, and Scopes, "@scope" to address,
	// those of scopes that have another.
	Registry string
	Scopes   map[string]string

	own map[string]setting // of the user, without the project
}

// Load reads the settings. The error joins all that is wrong with them.
func Load(from Sources) (*Settings, error) {
	env := environment(from.Environ)
	variables := map[string]string{}
	for _, e := range from.Environ {
		name, value, _ := strings.Cut(e, "=")
		variables[name] = value
	}
	lookup := func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}
	machine, err1 := readFile(cmp.Or(env["globalconfig"].value, from.Machine), lookup)
	user, err2 := readFile(cmp.Or(env["userconfig"].value, from.User), lookup)
	project, err3 := readFile(from.Project, nil)
	s := &Settings{Scopes: map[string]string{}, own: map[string]setting{}}
	for _, layer := range []map[string]setting{machine, user, env} {
		maps.Copy(s.own, layer)
	}
	all := maps.Clone(machine)
	if all == nil {
		all = map[string]setting{}
	}
	for _, layer := range []map[string]setting{user, project, env} {
		maps.Copy(all, layer)
	}
	problems := []error{err1, err2, err3}
	note := func(of setting, format string, args ...any) {
		problems = append(problems, fmt.Errorf(of.at+": "+format, args...))
	}
	s.Registry = PublicRegistry
	for key, value := range all {
		scope, ok := strings.CutSuffix(key, ":registry")
		if key != "registry" && (!ok || !strings.HasPrefix(scope, "@")) {
			continue
		}
		u, err := url.Parse(value.value)
		switch {
		case err != nil || u.Host == "" || u.RawQuery != "":
			note(value, "%s is %.200q, which is no address of a registry", key, value.value)
			continue
		case u.User != nil:
			note(value, "%s holds a password: npm wants it as //%s/:_auth", key, u.Host)
			continue
		case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
			note(value, "%s is %s: without TLS anybody on the way decides what is a hole", key, u.Redacted())
			continue
		}
		address := strings.TrimRight(u.String(), "/") + "/"
		if key == "registry" {
			s.Registry = address
		} else {
			s.Scopes[scope] = address
		}
	}
	if v := s.own["strict-ssl"]; v.value == "false" {
		note(v, "strict-ssl=false is refused: anybody on the way could answer in the registry's name; name its authority with cafile")
	}
	for _, key := range []string{"_auth", "_authToken", "_password"} {
		if v, ok := s.own[key]; ok {
			note(v, "%s is for no host that it names; npm config fix writes it as //HOST/:%s", key, key)
		}
	}
	return s, errors.Join(problems...)
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// registryOf is where a package is asked for.
func (s *Settings) registryOf(name string) string {
	if scope, _, ok := strings.Cut(name, "/"); ok && strings.HasPrefix(scope, "@") && s.Scopes[scope] != "" {
		return s.Scopes[scope]
	}
	return s.Registry
}

// of finds a setting for an address: the one with the longest path.
func (s *Settings) of(u *url.URL, keys ...string) map[string]setting {
	for rest := strings.Trim(u.EscapedPath(), "/"); ; rest = strings.TrimRight(rest[:strings.LastIndexByte(rest, '/')+1], "/") {
		found := map[string]setting{}
		at := strings.TrimRight("//"+u.Host+"/"+rest, "/")
		for _, key := range keys {
			for _, name := range []string{at + ":" + key, at + "/:" + key} {
				if v, ok := s.own[name]; ok {
					found[key] = v
				}
			}
		}
		if len(found) > 0 || rest == "" {
			return found
		}
	}
}

// credential is the Authorization field for an address; empty for none.
func (s *Settings) credential(u *url.URL) (string, error) {
	found := s.of(u, "_authToken", "_auth", "username", "_password")
	for key, v := range found {
		if strings.Contains(v.value, "${") {
			return "", fmt.Errorf("%s: %s for %s names a variable that is not set", v.at, key, u.Host)
		}
	}
	if v := found["_authToken"]; v.value != "" {
		return field("Bearer "+v.value, v, u)
	}
	if v := found["_auth"]; v.value != "" {
		return field("Basic "+v.value, v, u)
	}
	if name, v := found["username"], found["_password"]; name.value != "" && v.value != "" {
		password, err := base64.StdEncoding.DecodeString(v.value)
		if err != nil {
			return "", fmt.Errorf("%s: _password for %s is not in base64, as npm writes it", v.at, u.Host)
		}
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(name.value+":"+string(password))), nil
	}
	return "", nil
}

func field(value string, of setting, u *url.URL) (string, error) {
	if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' }) {
		return "", fmt.Errorf("%s: what is to be sent to %s has characters that no header may have", of.at, u.Host)
	}
	return value, nil
}
