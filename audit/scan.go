package audit

import (
	"encoding/json"

	"github.com/panoplysec/panoply/internal/report/redact"
)

// harmless is a scan in which every text is printable and without secrets: names and
// errors in it are the server's. What is no JSON is left out.
func harmless(scan json.RawMessage) json.RawMessage {
	var v any
	if err := json.Unmarshal(scan, &v); err != nil {
		return json.RawMessage("null")
	}
	out, err := json.Marshal(tame(v))
	if err != nil {
		return json.RawMessage("null")
	}
	return out
}

func tame(v any) any {
	switch v := v.(type) {
	case string:
		return redact.Line(v)
	case []any:
		for i := range v {
			v[i] = tame(v[i])
		}
	case map[string]any:
		for k, x := range v {
			v[k] = tame(x)
		}
	}
	return v
}
