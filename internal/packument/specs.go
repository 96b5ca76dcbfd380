package packument

import "encoding/json"

// Specs are what a version asks of other packages, by name, as far as they are texts. Old
// packages have lists and other things there, which npm takes for nothing.
type Specs map[string]string

// UnmarshalJSON reads them, and fails at nothing.
func (s *Specs) UnmarshalJSON(b []byte) error {
	var all map[string]json.RawMessage
	if json.Unmarshal(b, &all) != nil {
		return nil
	}
	*s = make(Specs, len(all))
	for name, raw := range all {
		var spec string
		if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &spec) == nil {
			(*s)[name] = spec
		}
	}
	return nil
}
