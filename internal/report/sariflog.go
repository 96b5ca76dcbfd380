package report

// The part of SARIF 2.1.0 that is written here. The names are the standard's; a struct
// stands for the object of the same name in its section 3.

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool              sarifTool         `json:"tool"`
	AutomationDetails sarifAutomation   `json:"automationDetails"`
	Invocations       []sarifInvocation `json:"invocations"`
	OriginalBases     map[string]any    `json:"originalUriBaseIds,omitempty"`
	Results           []sarifResult     `json:"results"`
	Taxonomies        []sarifComponent  `json:"taxonomies,omitempty"`
	ColumnKind        string            `json:"columnKind"`
	RedactionTokens   []string          `json:"redactionTokens"`
	Properties        sarifRunBag       `json:"properties"`
}

type sarifTool struct {
	Driver sarifComponent `json:"driver"`
}

type sarifComponent struct {
	Name            string           `json:"name"`
	Organization    string           `json:"organization,omitempty"`
	Version         string           `json:"version,omitempty"`
	SemanticVersion string           `json:"semanticVersion,omitempty"`
	Short           *sarifText       `json:"shortDescription,omitempty"`
	InformationURI  string           `json:"informationUri,omitempty"`
	Rules           []sarifRule      `json:"rules,omitempty"`
	Taxa            []sarifTaxon     `json:"taxa,omitempty"`
	Supported       []sarifReference `json:"supportedTaxonomies,omitempty"`
}

type sarifReference struct {
	Name  string `json:"name"`
	Index int    `json:"index"`
}

type sarifTaxon struct {
	ID      string `json:"id"`
	HelpURI string `json:"helpUri"`
}

type sarifRule struct {
	ID            string          `json:"id"`
	Name          string          `json:"name"`
	Short         sarifText       `json:"shortDescription"`
	Full          sarifText       `json:"fullDescription"`
	Help          sarifText       `json:"help"`
	Configuration sarifLevel      `json:"defaultConfiguration"`
	Relationships []sarifRelation `json:"relationships,omitempty"`
	Properties    sarifRuleBag    `json:"properties"`
}

type sarifLevel struct {
	Level string `json:"level"`
}

type sarifRelation struct {
	Target sarifTaxonReference `json:"target"`
	Kinds  []string            `json:"kinds"`
}

type sarifTaxonReference struct {
	ID        string         `json:"id"`
	Index     int            `json:"index"`
	Component sarifReference `json:"toolComponent"`
}

type sarifText struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type sarifAutomation struct {
	ID string `json:"id"`
}

type sarifInvocation struct {
	Successful    bool                `json:"executionSuccessful"`
	Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

type sarifResult struct {
	RuleID       string             `json:"ruleId"`
	RuleIndex    int                `json:"ruleIndex"`
	Kind         string             `json:"kind"`
	Level        string             `json:"level"`
	Message      sarifText          `json:"message"`
	Locations    []sarifLocation    `json:"locations"`
	Related      []sarifLocation    `json:"relatedLocations,omitempty"`
	Fingerprints map[string]string  `json:"partialFingerprints"`
	Baseline     string             `json:"baselineState,omitempty"`
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	Request      *sarifRequest      `json:"webRequest,omitempty"`
	Response     *sarifResponse     `json:"webResponse,omitempty"`
	Properties   sarifResultBag     `json:"properties"`
}

type sarifLocation struct {
	Physical sarifPhysical  `json:"physicalLocation"`
	Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	Message  *sarifText     `json:"message,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   sarifRegion   `json:"region"`
}

type sarifArtifact struct {
	URI  string `json:"uri"`
	Base string `json:"uriBaseId,omitempty"`
}

type sarifRegion struct {
	StartLine int        `json:"startLine"`
	Snippet   *sarifText `json:"snippet,omitempty"`
}

type sarifLogical struct {
	Name string `json:"fullyQualifiedName"`
	Kind string `json:"kind"`
}

type sarifSuppression struct {
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	Justification string `json:"justification"`
	// Properties hold where the entry stands and until when it holds.
	Properties map[string]string `json:"properties"`
}

type sarifRequest struct {
	Protocol string            `json:"protocol"`
	Target   string            `json:"target"`
	Method   string            `json:"method"`
	Headers  map[string]string `json:"headers,omitempty"`
	Body     *sarifText        `json:"body,omitempty"`
}

type sarifResponse struct {
	Protocol string            `json:"protocol"`
	Status   int               `json:"statusCode"`
	Reason   string            `json:"reasonPhrase,omitempty"`
	Headers  map[string]string `json:"headers,omitempty"`
	Body     *sarifText        `json:"body,omitempty"`
}
