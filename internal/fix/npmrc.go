package fix

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/panoplysec/panoply/internal/npmregistry"
	"github.com/panoplysec/panoply/internal/pattern"
)

// DefaultRegistry is where packages come from when nobody says otherwise.
const DefaultRegistry = npmregistry.PublicRegistry

// A Config is what is used of .npmrc files: which registry has which packages, and with
// what a host of them is asked. The zero value asks DefaultRegistry without a token.
type Config struct {
	values map[string]string
}

var variable = pattern.New(`\$\{([^}]+)\}`)

// UserConfig reads the user's own .npmrc, where npm looks for it, and the variables by
// which npm takes settings. A file that is not there is none.
func UserConfig(lookup func(string) (string, bool)) (Config, error) {
	c := Config{values: map[string]string{}}
	name := ""
	for _, key := range []string{"npm_config_userconfig", "NPM_CONFIG_USERCONFIG"} {
		if v, ok := lookup(key); ok && v != "" {
			name = v
		}
	}
	if name == "" {
		home, ok := lookup("HOME")
		if !ok || home == "" {
			home, _ = os.UserHomeDir()
		}
		name = filepath.Join(home, ".npmrc")
	}
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c, fmt.Errorf("your .npmrc: %w", err)
	}
	c.add(string(text), lookup)
	for _, key := range []string{"npm_config_registry", "NPM_CONFIG_REGISTRY"} {
		if v, ok := lookup(key); ok && v != "" {
			c.values["registry"] = v
		}
	}
	return c, c.check()
}

// WithProject returns the configuration with the registries, and no tokens, that the .npmrc
// of a trusted project names.
func (c Config) WithProject(text string) (Config, error) {
	project := Config{values: map[string]string{}}
	project.add(text, func(string) (string, bool) { return "", false })
	both := Config{values: map[string]string{}}
	for k, v := range c.values {
		both.values[k] = v
	}
	for k, v := range project.values {
		if k == "registry" || strings.HasPrefix(k, "@") && strings.HasSuffix(k, ":registry") {
			both.values[k] = v
		}
	}
	return both, both.check()
}

func (c Config) add(text string, lookup func(string) (string, bool)) {
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		key, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, ";") || strings.HasPrefix(line, "#") {
			continue
		}
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		value = variable.Get().ReplaceAllStringFunc(value, func(v string) string {
			name := v[2 : len(v)-1]
			if got, ok := lookup(strings.TrimSuffix(name, "?")); ok {
				return got
			}
			if strings.HasSuffix(name, "?") {
				return ""
			}
			return v
		})
		c.values[strings.TrimSpace(key)] = value
	}
}

func (c Config) check() error {
	for key, value := range c.values {
		if key != "registry" && !strings.HasSuffix(key, ":registry") {
			continue
		}
		if u, err := url.Parse(value); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			return fmt.Errorf(".npmrc: %s %q is no http or https address", key, value)
		}
	}
	return nil
}

// registry is the address, with a slash at its end, where a package is asked for.
func (c Config) registry(name string) string {
	address := c.values["registry"]
	if scope, _, ok := strings.Cut(name, "/"); ok && strings.HasPrefix(scope, "@") && c.values[scope+":registry"] != "" {
		address = c.values[scope+":registry"]
	}
	if address == "" {
		address = DefaultRegistry
	}
	return strings.TrimSuffix(address, "/") + "/"
}

// authorization is the header for an address: that of the longest "//host/path/" that it
// is below, as npm decides. Empty means none.
func (c Config) authorization(u *url.URL) string {
	at := "//" + u.Host + u.EscapedPath()
	for {
		slash := strings.LastIndexByte(at, '/')
		if slash < 2 {
			return ""
		}
		at = at[:slash]
		for _, key := range []string{at + "/", at} {
			if t := c.values[key+":_authToken"]; t != "" {
				return "Bearer " + t
			}
			if t := c.values[key+":_auth"]; t != "" {
				return "Basic " + t
			}
			if user, pass := c.values[key+":username"], c.values[key+":_password"]; user != "" && pass != "" {
				if plain, err := base64.StdEncoding.DecodeString(pass); err == nil {
					return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+string(plain)))
				}
			}
		}
	}
}
