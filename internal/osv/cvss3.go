package osv

import "math"

// weights3 are the numbers of section 7.4 of the CVSS 3.1 specification.
var weights3 = map[string]map[string]float64{
	"AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
	"AC": {"L": 0.77, "H": 0.44},
	"UI": {"N": 0.85, "R": 0.62},
	"C":  {"H": 0.56, "L": 0.22, "N": 0},
	"I":  {"H": 0.56, "L": 0.22, "N": 0},
	"A":  {"H": 0.56, "L": 0.22, "N": 0},
}

// privileges3 weighs PR, which counts more where the scope changes.
var privileges3 = map[bool]map[string]float64{
	false: {"N": 0.85, "L": 0.62, "H": 0.27},
	true:  {"N": 0.85, "L": 0.68, "H": 0.5},
}

func score3(m map[string]string, old bool) (float64, bool) {
	w := make(map[string]float64)
	for name, values := range weights3 {
		x, ok := values[m[name]]
		if !ok {
			return 0, false
		}
		w[name] = x
	}
	changed := m["S"] == "C"
	pr, ok := privileges3[changed][m["PR"]]
	if !ok || !changed && m["S"] != "U" {
		return 0, false
	}
	base := 1 - (1-w["C"])*(1-w["I"])*(1-w["A"])
	impact := 6.42 * base
	if changed {
		impact = 7.52*(base-0.029) - 3.25*math.Pow(base-0.02, 15)
	}
	if impact <= 0 {
		return 0, true
	}
	score := impact + 8.22*w["AV"]*w["AC"]*pr*w["UI"]
	if changed {
		score *= 1.08
	}
	score = min(score, 10)
	if old {
		return math.Ceil(score*10) / 10, true
	}
	// Rounded up as 3.1 says, so that 4.02 of binary fractions is not 4.1.
	n := math.Round(score * 100_000)
	if math.Mod(n, 10_000) == 0 {
		return n / 100_000, true
	}
	return (math.Floor(n/10_000) + 1) / 10, true
}
