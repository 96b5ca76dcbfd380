package session

import (
	"bytes"
	"encoding/json"
)

// maxMergeDepth bounds how deep objects are merged; below it the whole value counts as
// one member.
const maxMergeDepth = 32

// merge returns theirs with every change that led from base to mine: member by member of
// JSON objects, in all depths. Where both changed one member, mine counts. Arrays and
// plain values are members as a whole.
func merge(base, mine, theirs []byte) []byte { return mergeAt(base, mine, theirs, maxMergeDepth) }

func mergeAt(base, mine, theirs []byte, depth int) []byte {
	if bytes.Equal(base, mine) {
		return theirs
	}
	if bytes.Equal(base, theirs) || depth == 0 {
		return mine
	}
	m, ok := object(mine)
	if !ok {
		return mine
	}
	t, ok := object(theirs)
	if !ok {
		return mine
	}
	b, _ := object(base)
	for name, value := range m {
		before, was := b[name]
		other, there := t[name]
		switch {
		case was && bytes.Equal(before, value):
		case there:
			t[name] = mergeAt(before, value, other, depth-1)
		default:
			t[name] = value
		}
	}
	for name := range b {
		if _, kept := m[name]; !kept {
			delete(t, name)
		}
	}
	out, err := json.Marshal(t)
	if err != nil {
		return mine // a member that is no JSON cannot come from object
	}
	return out
}

// object reads a JSON object's members; null and anything else has none.
func object(text []byte) (map[string]json.RawMessage, bool) {
	var m map[string]json.RawMessage
	if json.Unmarshal(text, &m) != nil || m == nil {
		return nil, false
	}
	return m, true
}
