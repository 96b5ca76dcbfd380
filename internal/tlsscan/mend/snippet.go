package mend

import (
	"fmt"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/tlsscan"
)

// Lines are what server needs to mend the fault, with comments that say where they go, or
// comments alone where no configuration mends it: what to do instead. Hybrid says that the
// server is known to have groups with ML-KEM, which are kept.
func (f Fault) Lines(server Server, hybrid bool) string {
	p := programs()[server]
	var b strings.Builder
	if len(f.Settings) == 0 {
		p.say(&b, "no matter of configuration: "+f.Do)
	}
	p.write(&b, f.Settings, hybrid)
	if slices.Contains(f.Settings, Hybrid) && p.hybrid != "" && !hybrid {
		p.say(&b, "needs "+p.hybrid+": an older one does not start with this")
	}
	if f.Instead != "" {
		p.say(&b, f.Instead)
	}
	return b.String()
}

// say writes a comment.
func (p program) say(b *strings.Builder, text string) {
	for l := range strings.SplitSeq(text, "\n") {
		fmt.Fprintf(b, "%s %s\n", p.comment, l)
	}
}

// write writes the lines of the settings, each once, by the places they go to, and then
// what is only said.
func (p program) write(b *strings.Builder, list []Setting, hybrid bool) {
	all := p.answer(list, hybrid)
	for i, place := range p.places {
		var texts []string
		for _, l := range all.lines {
			if l.place == i && !slices.Contains(texts, l.text) {
				texts = append(texts, l.text)
			}
		}
		if len(texts) == 0 {
			continue
		}
		p.say(b, place.where)
		indent := ""
		if place.open != "" {
			fmt.Fprintln(b, place.open)
			indent = "\t"
		}
		for _, t := range texts {
			fmt.Fprintln(b, indent+t)
		}
		if place.end != "" {
			fmt.Fprintln(b, place.end)
		}
	}
	if len(all.without) > 0 {
		p.say(b, goes+" "+strings.Join(all.without, ", "))
	}
	for _, s := range list {
		if w := p.answers[s].words; w != "" {
			p.say(b, w)
		}
	}
}

// goes begins the comment that names what goes out of the configuration.
const goes = "take out, where it stands:"

func (p program) answer(list []Setting, hybrid bool) answer {
	var all answer
	for _, s := range list {
		if s == Groups && hybrid {
			s = Hybrid
		}
		all = all.and(p.answers[s])
	}
	all.without = slices.Compact(all.without)
	return all
}

// Snippet is the one piece of configuration that mends all that a report has, and brings
// the server to Mozilla's intermediate level: each line once. What is not a matter of
// configuration follows as comments, with its commands.
func Snippet(server Server, r *tlsscan.Report) string {
	p := programs()[server]
	var b strings.Builder
	hybrid := r.Hybrid()
	list := needed(r)
	p.say(&b, fmt.Sprintf("TLS of %s, as panoply audit saw it, for %s", address(r), server.Title()))
	if p.openSSL && slices.Contains(list, Suites) && slices.ContainsFunc(r.Findings, func(f string) bool { return slices.Contains(weakCertificate, f) }) {
		p.say(&b, "first another certificate: with this one OpenSSL does not start, once the suites do not end in @SECLEVEL=0")
	}
	advice := p.hybrid != "" && !hybrid && slices.Contains(list, Hybrid)
	if advice {
		// A line that keeps an older library from starting is not for pasting.
		list = slices.DeleteFunc(list, func(s Setting) bool { return s == Hybrid })
	}
	p.write(&b, list, hybrid)
	if advice {
		p.say(&b, "with "+p.hybrid+", for connections that quantum computers do not open; an older one does not start with it:")
		for _, l := range p.answers[Hybrid].lines {
			p.say(&b, "  "+l.text)
		}
	}
	said := make(map[string]bool)
	for _, name := range r.Findings {
		f, ok := For(name)
		if !ok || len(f.Settings) > 0 && f.Instead == "" {
			continue
		}
		text := f.Do
		if len(f.Settings) == 0 {
			text = "no matter of configuration: " + text
		}
		p.say(&b, name+": "+text)
		if f.Instead != "" && !said[f.Instead] {
			said[f.Instead] = true
			p.say(&b, "  "+strings.ReplaceAll(f.Instead, "\n", "\n  "))
		}
	}
	for _, why := range certificateReasons(r) {
		p.say(&b, why)
	}
	if strings.Count(b.String(), "\n") == 1 {
		p.say(&b, "nothing to mend")
	}
	if len(r.Incomplete) > 0 {
		p.say(&b, "the scan is not complete: what it did not see is not mended here")
	}
	return b.String()
}

// weakCertificate are findings of certificates that OpenSSL's own security level refuses.
var weakCertificate = []string{"cert.rsa-small", "cert.curve-weak", "cert.sha1"}

const protocol13 = "TLSv1.3"

func address(r *tlsscan.Report) string {
	if r.ServerName == "" || strings.HasPrefix(r.Address, r.ServerName+":") {
		return r.Address
	}
	return r.Address + " (" + r.ServerName + ")"
}

// needed are the settings that mend the findings and the reasons against the intermediate
// level, each once, in their order.
func needed(r *tlsscan.Report) []Setting {
	var list []Setting
	for _, name := range r.Findings {
		f, _ := For(name)
		list = append(list, f.Settings...)
	}
	for _, reason := range r.Mozilla["6.0/intermediate"].Reasons {
		switch reason {
		case "protocols":
			list = append(list, Protocols)
		case "suites":
			list = append(list, suitesBeyond(r)...)
		case "groups":
			list = append(list, Groups)
		case "dh_param_size":
			list = append(list, Protocols, Suites)
		case "hsts":
			list = append(list, Transport)
		}
	}
	if len(r.Protocols) > 0 && !slices.Contains(r.Protocols, protocol13) && slices.Contains(list, Protocols) {
		list = append(list, Groups) // TLS 1.3 comes with the library's own
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// suitesBeyond tells which kind of suites the level lacks.
func suitesBeyond(r *tlsscan.Report) []Setting {
	older, newer, _ := tlsscan.Guideline()
	var list []Setting
	for version, suites := range r.Suites {
		allowed, settings := older, weak
		if version == protocol13 {
			allowed, settings = newer, []Setting{Suites13}
		}
		if slices.ContainsFunc(suites, func(s string) bool { return !slices.Contains(allowed, s) }) {
			list = append(list, settings...)
		}
	}
	return list
}

// certificateReasons are those against the intermediate level that no finding tells.
func certificateReasons(r *tlsscan.Report) []string {
	var list []string
	for _, x := range []struct{ reason, finding, why string }{
		{"certificate_type", "", "Mozilla's intermediate level wants a certificate with a key of ECDSA or RSA"},
		{"certificate_curve", "cert.curve-weak", "Mozilla's intermediate level wants a certificate with a key on P-256 or P-384"},
		{"certificate_signature", "cert.sha1", "Mozilla's intermediate level wants a certificate signed by ECDSA, or by RSA with SHA-256"},
		{"certificate_lifespan", "cert.lifetime-long", "Mozilla's intermediate level wants a certificate for at most 366 days, better 90"},
	} {
		if slices.Contains(r.Mozilla["6.0/intermediate"].Reasons, x.reason) && !slices.Contains(r.Findings, x.finding) {
			list = append(list, x.why)
		}
	}
	return list
}
