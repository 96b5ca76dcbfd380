package known

import "github.com/panoplysec/panoply/internal/shield"

// What several rows refuse.
var (
	pollution = []shield.Condition{
		{In: "field", Name: "__proto__"},
		{In: "field", Name: "constructor.prototype"},
	}
	// pathPollution is pollution by a path within a value, such as of a sort or a filter.
	pathPollution = append(pollution[:2:2], shield.Condition{In: "field", Matches: `(^|[.\[\]/'"])(__proto__|constructor[.\]\['"/]+prototype)($|[.\[\]/'"])`})

	operators = []shield.Condition{{In: "field", Name: "$*"}}

	// bsonTypes is what makes the driver take an object for one of its own types.
	bsonTypes = []shield.Condition{{In: "field", Name: "_bsontype"}}

	climbing = []shield.Condition{
		{In: "field", Matches: `(^|[\\/])\.\.([\\/]|$)`},
		{In: "file", Matches: `(^|[\\/])\.\.([\\/]|$)|^[\\/]|^[A-Za-z]:`},
	}

	elsewhere = []shield.Condition{{In: "query", Matches: `(?i)^[\x00-\x20]*([a-z][a-z0-9+.-]*:)?[\\/]{2}|^[^?#]*\\`}}

	lengths = []shield.Condition{
		{In: "segment", Longer: 512},
		{In: "query", Longer: 2048},
		{In: "form", Longer: 65536},
		{In: "json", Longer: 65536},
		{In: "header", Longer: 4096},
		{In: "field", Deeper: 32},
	}

	// twoSlashes is a path that redirects take for another host.
	twoSlashes = []shield.Condition{{In: "path", Matches: `^[\\/]{2}`}}

	wellFormed = []shield.Condition{{In: "part", Malformed: true}}
)

// long is a header that is longer than n.
func long(name string, n int64) []shield.Condition {
	return []shield.Condition{{In: "header", Name: name, Longer: n}}
}

// names are fields of a name.
func names(all ...string) []shield.Condition {
	out := make([]shield.Condition, len(all))
	for i, name := range all {
		out[i] = shield.Condition{In: "field", Name: name}
	}
	return out
}
