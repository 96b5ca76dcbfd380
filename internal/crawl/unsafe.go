package crawl

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// harm are words of links that may change something even by GET.
var harm = []string{
	"logout", "logoff", "signout", "signoff", "delete", "remove", "destroy", "unsubscribe", "cancel", "revoke", "reset",
	"clear", "disable", "deactivate", "purge", "drop", "terminate", "uninstall", "confirm", "approve", "reject", "checkout",
	"pay", "vote", "unfollow", "archive",
}

// pairs are two words that mean one of those.
var pairs = [][2]string{{"log", "out"}, {"log", "off"}, {"sign", "out"}, {"sign", "off"}, {"opt", "out"}, {"add", "cart"}}

// files are endings of what is no page, whatever its name.
var files = []string{".css", ".js", ".mjs", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".ico", ".woff", ".woff2", ".map", ".pdf"}

// unsafe says whether following the link may change something. What a button says, such
// as Delete, counts as well as where it leads.
func unsafe(u *url.URL, text string) bool {
	path := strings.ToLower(u.Path)
	if slices.ContainsFunc(files, func(end string) bool { return strings.HasSuffix(path, end) }) {
		return false
	}
	query, err := url.QueryUnescape(u.RawQuery)
	if err != nil {
		query = u.RawQuery
	}
	if harmful(u.Path) || harmful(query) {
		return true
	}
	said := words(text)
	return len(said) <= 4 && harmful(text)
}

func harmful(text string) bool {
	all := words(text)
	for i, w := range all {
		if slices.Contains(harm, w) {
			return true
		}
		if i > 0 && slices.Contains(pairs, [2]string{all[i-1], w}) {
			return true
		}
	}
	return false
}

// words splits at everything that is no letter, and where a capital follows a small
// letter, and returns the words in lower case.
func words(text string) []string {
	var all []string
	var word []rune
	flush := func() {
		if len(word) > 0 {
			all = append(all, strings.ToLower(string(word)))
			word = word[:0]
		}
	}
	small := false
	for _, r := range text {
		if !unicode.IsLetter(r) || unicode.IsUpper(r) && small {
			flush()
		}
		if unicode.IsLetter(r) {
			word = append(word, r)
		}
		small = unicode.IsLower(r)
	}
	flush()
	return all
}

// LogsOut says whether an address is there to log out.
func LogsOut(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	all := words(u.Path)
	for i, w := range all {
		if slices.Contains(harm[:4], w) || i > 0 && slices.Contains(pairs[:4], [2]string{all[i-1], w}) {
			return true
		}
	}
	return false
}
