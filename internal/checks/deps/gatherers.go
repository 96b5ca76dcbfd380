package deps

import (
	"fmt"
	"strings"

	"github.com/panoplysec/panoply/internal/jsimports"
	"github.com/panoplysec/panoply/internal/lockfile"
)

// gatherers load the packages that package.json asks for, or that are installed, by what
// their names begin with; no file names them.
var gatherers = map[string][]string{
	"gulp-load-plugins": {"gulp-", "gulp."}, "load-grunt-tasks": {"grunt-", "@*/grunt-"}, "jit-grunt": {"grunt-"}, "matchdep": {"grunt-"},
	"hexo": {"hexo-", "@*/hexo-"}, "karma": {"karma-", "@*/karma-"}, "yeoman-environment": {"generator-", "@*/generator-"},
	"hubot": {"hubot-"}, "homebridge": {"homebridge-", "@*/homebridge-"}, "probot": {"probot-"}, "node-red": {"node-red-", "@*/node-red-"},
	"plop": {"plop-"}, "prettier": {"prettier-plugin-", "@prettier/plugin-", "@*/prettier-plugin-"},
}

// gathered says why a package may be loaded though nothing names it: one that loads all
// of a kind is imported, or is run.
func gathered(g *jsimports.Graph, l *lockfile.Lock, name string) string {
	for by, begins := range gatherers {
		use := g.Of(by)
		if by == name || use.Kind < jsimports.Named || len(l.Called(by)) == 0 {
			continue
		}
		for _, begin := range begins {
			of := name
			if rest, scoped := strings.CutPrefix(begin, "@*/"); scoped {
				_, of, _ = strings.Cut(name, "/")
				begin = rest
			}
			if strings.HasPrefix(of, begin) {
				return fmt.Sprintf("%s uses %s, which loads packages of such names", use.At[0], by)
			}
		}
	}
	return ""
}
