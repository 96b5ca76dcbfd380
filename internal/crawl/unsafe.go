package crawl

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// leaves are words of addresses that log out.
var leaves = []string{"logout", "logoff", "signout", "signoff", "endsession", "abmelden", "ausloggen", "deconnexion", "déconnexion", "uitloggen", "afmelden"}

// leavesPairs are two words that mean the same.
var leavesPairs = [][2]string{{"log", "out"}, {"log", "off"}, {"sign", "out"}, {"sign", "off"}, {"end", "session"}, {"cerrar", "sesion"}, {"cerrar", "sesión"}}

// harm are words of links that may change something even by GET.
var harm = []string{
	"delete", "remove", "destroy", "erase", "wipe", "purge", "unlink", "unsubscribe", "unregister", "unfollow", "cancel", "revoke",
	"reset", "clear", "disable", "enable", "deactivate", "activate", "invalidate", "terminate", "uninstall", "confirm", "approve",
	"reject", "checkout", "buy", "pay", "purchase", "vote", "upvote", "downvote", "addtocart", "shutdown", "restart", "reboot",
	"löschen", "loeschen", "entfernen", "stornieren", "kündigen", "kuendigen", "supprimer", "effacer", "eliminar", "borrar", "verwijderen",
}

// harmSet is for looking them up: a page may name many thousand words.
var harmSet = sync.OnceValue(func() map[string]bool {
	set := make(map[string]bool, len(harm))
	for _, w := range harm {
		set[w] = true
	}
	return set
})

// harmPairs are two words that mean the same, with at most one word between them.
var harmPairs = [][2]string{
	{"opt", "out"}, {"close", "account"}, {"empty", "cart"}, {"empty", "trash"},
	{"add", "cart"}, {"add", "basket"}, {"add", "bag"}, {"cart", "add"}, {"basket", "add"},
}

// deeds are words that do harm in an administrator's hand.
var deeds = []string{
	"run", "exec", "execute", "trigger", "start", "stop", "kill", "flush", "rebuild", "import", "sync", "migrate", "deploy",
	"backup", "restore", "rotate", "regenerate", "generate", "impersonate", "publish", "unpublish", "toggle", "ban", "block", "suspend",
}

// files are endings of what is no page, whatever its name.
var files = []string{
	".css", ".js", ".mjs", ".map", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".avif", ".ico", ".woff", ".woff2", ".ttf",
	".mp4", ".webm", ".mp3", ".pdf",
}

// unsafe says whether following a link may change something: by its path, its query or
// what it says to a person in a few words, such as Delete.
func unsafe(u *url.URL, said []string) bool {
	path := strings.ToLower(u.Path)
	if slices.ContainsFunc(files, func(end string) bool { return strings.HasSuffix(path, end) }) {
		return false
	}
	if harmful(u.Path, true) || harmful(u.RawQuery, true) {
		return true
	}
	return slices.ContainsFunc(said, func(text string) bool { return len(words(text)) <= 4 && harmful(text, false) })
}

// harmful looks for words of harm, in an address also behind an escape, and for deeds
// below an administrator's page.
func harmful(text string, address bool) bool {
	if address {
		if decoded, err := url.QueryUnescape(text); err == nil && decoded != text {
			text += " " + decoded
		}
	}
	all := words(text)
	known := harmSet()
	for i, w := range all {
		if known[w] {
			return true
		}
		for _, pair := range harmPairs {
			if w == pair[0] && slices.Contains(all[i+1:min(i+3, len(all))], pair[1]) {
				return true
			}
		}
		if address && (w == "admin" || w == "administrator") &&
			slices.ContainsFunc(all[i+1:], func(w string) bool { return slices.Contains(deeds, w) }) {
			return true
		}
	}
	return logsOut(all)
}

// LogsOut says whether an address is there to log out: its path or its query says so.
func LogsOut(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	query, err := url.QueryUnescape(u.RawQuery)
	if err != nil {
		query = u.RawQuery
	}
	return logsOut(words(u.Path)) || logsOut(words(query))
}

func logsOut(all []string) bool {
	for i, w := range all {
		if len(w) > 5 && slices.Contains(leaves, w) || i > 0 && slices.Contains(leavesPairs, [2]string{all[i-1], w}) {
			return true
		}
	}
	return false
}

// words splits at everything that is no letter and where a capital begins a word, as in
// logOut and HTMLDelete, and returns the words in lower case.
func words(text string) []string {
	var all []string
	letters := []rune(text)
	start := -1
	flush := func(end int) {
		if start >= 0 {
			all = append(all, strings.ToLower(string(letters[start:end])))
		}
		start = -1
	}
	for i, r := range letters {
		if !unicode.IsLetter(r) {
			flush(i)
			continue
		}
		if start >= 0 && unicode.IsUpper(r) {
			after := i+1 < len(letters) && unicode.IsLower(letters[i+1])
			if unicode.IsLower(letters[i-1]) || after {
				flush(i)
			}
		}
		if start < 0 {
			start = i
		}
	}
	flush(len(letters))
	return all
}

// Unsafe says whether a request to the path may log out, delete or otherwise do harm, as
// far as its words tell.
func Unsafe(path string) bool { return harmful(path, true) }
