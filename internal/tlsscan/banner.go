package tlsscan

import (
	"cmp"
	"net/textproto"
	"strings"
)

// banner keeps what the program that answers says it is.
func (s *scan) banner(head textproto.MIMEHeader) {
	const most = 100
	text := strings.TrimSpace(cmp.Or(head.Get("Server"), head.Get("X-Powered-By")))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.features.Server = strings.ToValidUTF8(text[:min(len(text), most)], "")
}
