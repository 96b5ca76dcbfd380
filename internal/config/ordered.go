package config

// Ordered is a YAML or JSON mapping that keeps the order of its keys, as Helmet's
// options need: the order of CSP directives is the order of the header.
type Ordered struct {
	// JSON is the mapping as a JSON document, keys in the order written.
	JSON []byte
}
