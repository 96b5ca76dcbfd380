package osv

import (
	"math"
	"strings"
)

// levels4 are the values of each metric of CVSS 4.0, the worst first.
var levels4 = map[string]string{
	"AV": "NALP", "AC": "LH", "AT": "NP", "PR": "NLH", "UI": "NPA",
	"VC": "HLN", "VI": "HLN", "VA": "HLN", "SC": "HLN", "SI": "HLN", "SA": "HLN",
}

// A class4 is an equivalence class of section 8 of the CVSS 4.0 specification at one of
// its levels: its worst vectors, by the letters of metrics, and how many steps lie between
// these and the next level.
type class4 struct {
	metrics []string
	worst   []string
	depth   int
}

var (
	eq1 = []class4{
		{[]string{"AV", "PR", "UI"}, []string{"NNN"}, 1},
		{[]string{"AV", "PR", "UI"}, []string{"ANN", "NLN", "NNP"}, 4},
		{[]string{"AV", "PR", "UI"}, []string{"PNN", "ALP"}, 5},
	}
	eq2 = []class4{
		{[]string{"AC", "AT"}, []string{"LN"}, 1},
		{[]string{"AC", "AT"}, []string{"HN", "LP"}, 2},
	}
	// The security requirements are high where nobody says otherwise, so that the sixth
	// class follows from the third.
	eq3 = []class4{
		{[]string{"VC", "VI", "VA"}, []string{"HHH"}, 7},
		{[]string{"VC", "VI", "VA"}, []string{"LHH", "HLH"}, 8},
		{[]string{"VC", "VI", "VA"}, []string{"LLL"}, 10},
	}
	eq4 = []class4{
		{}, // a safety impact is said by environmental metrics alone
		{[]string{"SC", "SI", "SA"}, []string{"HHH"}, 5},
		{[]string{"SC", "SI", "SA"}, []string{"LLL"}, 4},
	}
)

// distance is how many steps a vector is below a worst one of its class.
func (c class4) distance(m map[string]string) int {
	for _, worst := range c.worst {
		sum := 0
		for i, name := range c.metrics {
			d := strings.Index(levels4[name], m[name]) - strings.IndexByte(levels4[name], worst[i])
			if d < 0 {
				sum = -1
				break
			}
			sum += d
		}
		if sum >= 0 {
			return sum
		}
	}
	return 0
}

func score4(m map[string]string) (float64, bool) {
	for name, values := range levels4 {
		if len(m[name]) != 1 || !strings.Contains(values, m[name]) {
			return 0, false
		}
	}
	five := 0
	if e, told := m["E"]; told && e != "X" {
		if five = strings.Index("APU", e); len(e) != 1 || five < 0 {
			return 0, false
		}
	}
	none := true
	for _, name := range []string{"VC", "VI", "VA", "SC", "SI", "SA"} {
		none = none && m[name] == "N"
	}
	if none {
		return 0, true
	}
	count := func(names string, value string) (n int) {
		for name := range strings.FieldsSeq(names) {
			if m[name] == value {
				n++
			}
		}
		return n
	}
	var one, two, three int
	switch n := count("AV PR UI", "N"); {
	case n == 3:
	case n > 0 && m["AV"] != "P":
		one = 1
	default:
		one = 2
	}
	if m["AC"] != "L" || m["AT"] != "N" {
		two = 1
	}
	switch {
	case count("VC VI", "H") == 2:
	case count("VC VI VA", "H") > 0:
		three = 1
	default:
		three = 2
	}
	six, four := 0, 2
	if three == 2 {
		six = 1
	}
	if count("SC SI SA", "H") > 0 {
		four = 1
	}
	value := macro4(one, two, three, four, five, six)
	below := -1
	switch three {
	case 0:
		below = max(macro4(one, two, 0, four, five, 1), macro4(one, two, 1, four, five, 0))
	case 1:
		below = macro4(one, two, 1, four, five, 1)
	}
	sum, classes := 0.0, 0
	for _, c := range []struct {
		below, distance, depth int
	}{
		{macro4(one+1, two, three, four, five, six), eq1[one].distance(m), eq1[one].depth},
		{macro4(one, two+1, three, four, five, six), eq2[two].distance(m), eq2[two].depth},
		{below, eq3[three].distance(m), eq3[three].depth},
		{macro4(one, two, three, four+1, five, six), eq4[four].distance(m), eq4[four].depth},
		{macro4(one, two, three, four, five+1, six), 0, 1},
	} {
		if c.below >= 0 {
			classes++
			sum += float64(value-c.below) * float64(c.distance) / float64(c.depth)
		}
	}
	score := float64(value)
	if classes > 0 {
		score -= sum / float64(classes)
	}
	// A sum of fractions may be a hair below the half that is rounded up.
	return math.Round(min(max(score, 0), 100)+1e-7) / 10, true
}

// macro4 is ten times the score of the worst vectors of a macro vector; -1 where there is
// none.
func macro4(one, two, three, four, five, six int) int {
	if one > 2 || two > 1 || three > 2 || four > 2 || five > 2 || three == 2 && six == 0 {
		return -1
	}
	pair := three*2 + six
	if three == 2 {
		pair = 4
	}
	return int(macros4[one*2+two][pair*9+four*3+five])
}

// macros4 is the table of the CVSS 4.0 specification: a row for each of the first two
// classes, in it the third and sixth (00, 01, 10, 11, 21), the fourth and the fifth.
var macros4 = [6][45]int8{
	{100, 98, 95, 100, 93, 91, 93, 89, 81, 99, 95, 92, 96, 87, 81, 90, 80, 68, 98, 95, 90, 93, 89, 81, 88, 78, 69, 95, 92, 84, 92, 81, 65, 80, 70, 48, 92, 82, 72, 79, 69, 50, 69, 55, 27},
	{99, 95, 92, 95, 90, 84, 92, 82, 72, 97, 92, 85, 91, 83, 71, 81, 71, 53, 95, 92, 85, 92, 80, 70, 84, 71, 50, 93, 85, 73, 82, 72, 59, 70, 52, 30, 86, 75, 52, 71, 52, 29, 63, 29, 17},
	{98, 94, 91, 94, 86, 77, 87, 74, 63, 95, 87, 81, 89, 74, 64, 75, 63, 49, 94, 88, 76, 86, 74, 59, 72, 57, 52, 89, 77, 67, 76, 58, 50, 57, 52, 25, 83, 70, 54, 65, 58, 26, 53, 21, 13},
	{95, 88, 76, 90, 75, 61, 77, 68, 52, 90, 76, 70, 77, 62, 53, 66, 59, 30, 89, 76, 62, 74, 57, 47, 61, 57, 24, 78, 67, 58, 59, 57, 23, 52, 29, 16, 71, 59, 30, 58, 26, 15, 23, 13, 6},
	{93, 86, 75, 86, 74, 56, 70, 52, 40, 87, 72, 58, 74, 61, 34, 54, 40, 22, 85, 74, 62, 72, 55, 46, 53, 34, 19, 75, 55, 51, 57, 41, 19, 36, 19, 8, 64, 51, 20, 47, 21, 11, 24, 9, 4},
	{88, 73, 60, 73, 59, 41, 54, 45, 20, 75, 53, 50, 55, 40, 20, 43, 22, 11, 75, 58, 40, 61, 48, 20, 46, 17, 8, 55, 45, 21, 51, 18, 9, 18, 7, 2, 53, 24, 14, 24, 12, 5, 10, 3, 1},
}
