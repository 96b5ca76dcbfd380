package records

import (
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// FuzzAnswer holds that an answer is bounded, and that a CAA record gives back its bytes.
func FuzzAnswer(f *testing.F) {
	q := dnsmessage.Question{Name: dnsmessage.MustNewName("shop.example."), Type: TypeCAA, Class: dnsmessage.ClassINET}
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, Response: true}, Questions: []dnsmessage.Question{q}, Answers: []dnsmessage.Resource{
		{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: &dnsmessage.UnknownResource{Type: TypeCAA, Data: []byte("\x00\x05issueca.test")}}}}
	seed, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, b []byte) {
		if answers, cut, err := parse(b, 7, TypeCAA); len(answers) > maxRecords || (cut || err != nil) && answers != nil {
			t.Errorf("%d records, cut %v, %v", len(answers), cut, err)
		}
		if r, err := parseCAA(b); err == nil && 2+len(r.Tag)+len(r.Value) != len(b) {
			t.Errorf("%+v of %x", r, b)
		}
	})
}
