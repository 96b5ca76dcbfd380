package conceal

import (
	"net/http"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// A banner is one entry of the lists.
type banner struct {
	name     string // as told in events
	toScript bool   // stays on answers to scripts
	via      bool   // goes only with a known product in it
}

// bannerSet finds banners among header names. Most names are dismissed by their
// length and one letter, so that an answer without banners costs little.
type bannerSet struct {
	exact    map[string]*banner
	families []family
	// lengths has, for each length of an exact name, a bit per telling letter;
	// thirds one per third letter of a family.
	lengths [maxBanner + 1]uint32
	thirds  uint32
	keep    nameList
}

type family struct {
	prefix string
	banner *banner
}

// The lengths between which a name may be a banner; longer ones are not copied.
const minBanner, maxBanner = 3, 64

// nameList is exact names and, by a final "*", families; all in lower case.
type nameList []string

// has tells whether name, in lower case, is one of the list or of a family in it.
func (l nameList) has(name string) bool {
	return slices.ContainsFunc(l, func(entry string) bool {
		if family, ok := strings.CutSuffix(entry, "*"); ok {
			return strings.HasPrefix(name, family)
		}
		return entry == name
	})
}

func newBannerSet(keep, also []string, problems *guard.Problems) *bannerSet {
	s := &bannerSet{exact: map[string]*banner{}}
	s.keep = checkKeep(keep, also, problems)
	for _, name := range bannerNames {
		s.add(name, banner{via: name == "via"})
	}
	for _, name := range checkAlso(also, problems) {
		s.add(name, banner{})
	}
	// Last, so that what was asked for by name wins over staying for scripts.
	for _, name := range scriptNames {
		s.add(name, banner{toScript: true})
	}
	return s
}

func (s *bannerSet) add(name string, b banner) {
	if s.keep.has(name) {
		return
	}
	b.name = http.CanonicalHeaderKey(name)
	if prefix, ok := strings.CutSuffix(name, "*"); ok {
		s.families = append(s.families, family{prefix, &b})
		s.thirds |= letter(prefix[2])
	} else if s.exact[name] == nil {
		s.exact[name] = &b
		s.lengths[len(name)] |= letter(telling(name))
	}
}

// letter maps a byte, in either case, to a bit.
func letter(c byte) uint32 { return 1 << (c & 31) }

// telling is the byte that tells names of one length best apart: the first, or the
// first behind "X-".
func telling(name string) byte {
	if len(name) > 2 && name[1] == '-' {
		return name[2]
	}
	return name[0]
}

// find returns the banner that name, in any letter case, is; nil for none.
func (s *bannerSet) find(name string) *banner {
	if len(name) < minBanner || len(name) > maxBanner {
		return nil
	}
	mayBeExact := s.lengths[len(name)]&letter(telling(name)) != 0
	mayBeFamily := s.thirds&letter(name[2]) != 0
	if !mayBeExact && !mayBeFamily {
		return nil
	}
	var buf [maxBanner]byte
	low := buf[:len(name)]
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		low[i] = c
	}
	if mayBeExact {
		if b := s.exact[string(low)]; b != nil {
			return b
		}
	}
	if !mayBeFamily {
		return nil
	}
	for i := range s.families {
		f := &s.families[i]
		if len(low) <= len(f.prefix) || string(low[:len(f.prefix)]) != f.prefix {
			continue
		}
		if len(s.keep) > 0 && s.keep.has(string(low)) {
			return nil
		}
		return f.banner
	}
	return nil
}

// removeBanners takes the banners out of a header, of whatever kind.
func (g *Guard) removeBanners(a *hook.Answer) {
	for name, values := range a.Header {
		b := g.banners.find(name)
		if b == nil || b.toScript && fromScript(a.Request) || b.via && !viaProduct(values) {
			continue
		}
		g.tell(a, "fingerprint", "banner", b.name)
		if g.mode == guard.Enforce {
			delete(a.Header, name)
		}
	}
	if a.Kind == hook.Final && len(a.Header["Trailer"]) > 0 && g.mode == guard.Enforce {
		g.trimTrailer(a)
	}
}

// trimTrailer takes the names of banners out of the announcement of trailers.
func (g *Guard) trimTrailer(a *hook.Answer) {
	var kept []string
	var found bool
	for _, line := range a.Header["Trailer"] {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.TrimSpace(name)
			if b := g.banners.find(name); b != nil && !b.via && !(b.toScript && fromScript(a.Request)) {
				found = true
			} else if name != "" {
				kept = append(kept, name)
			}
		}
	}
	switch {
	case !found:
	case len(kept) == 0:
		delete(a.Header, "Trailer")
	default:
		a.Header["Trailer"] = []string{strings.Join(kept, ", ")}
	}
}

// fromScript tells a request made by a script rather than by following a link: its
// answer is data, whatever it looks like.
func fromScript(r *http.Request) bool {
	if dest := r.Header["Sec-Fetch-Dest"]; len(dest) > 0 {
		return dest[0] == "empty"
	}
	for _, name := range scriptRequests {
		if len(r.Header[name]) > 0 {
			return true
		}
	}
	return false
}

// viaProduct tells whether a Via names a product that viaProducts knows.
func viaProduct(values []string) bool {
	for _, line := range values {
		words := strings.FieldsFunc(strings.ToLower(line), func(c rune) bool {
			return !('a' <= c && c <= 'z' || c == '-')
		})
		for _, word := range words {
			for part := range strings.SplitSeq(word, "-") {
				if slices.Contains(viaProducts, word) || slices.Contains(viaProducts, part) {
					return true
				}
			}
		}
	}
	return false
}

// Banners lists what the guard removes, in the order of the alphabet, families as
// "X-Drupal-*".
func (g *Guard) Banners() []string {
	var names []string
	for _, b := range g.banners.exact {
		names = append(names, b.name)
	}
	for _, f := range g.banners.families {
		names = append(names, f.banner.name)
	}
	slices.Sort(names)
	return names
}
