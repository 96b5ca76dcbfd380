package observatory

// bonusFrom is the score without bonuses from which on they count.
const bonusFrom = 90

// grades are the letters from the given score up.
var grades = []struct {
	from   int
	letter string
}{
	{100, "A+"}, {90, "A"}, {85, "A-"}, {80, "B+"}, {70, "B"}, {65, "B-"}, {60, "C+"},
	{50, "C"}, {45, "C-"}, {40, "D+"}, {30, "D"}, {25, "D-"},
}

func letterOf(score int) string {
	for _, g := range grades {
		if score >= g.from {
			return g.letter
		}
	}
	return "F"
}

func grade(tests []Test, v Version) Report {
	r := Report{Algorithm: v.Number(), Uncurved: 100, Tests: tests}
	bonus := 0
	for _, t := range tests {
		if t.Pass {
			r.Passed++
		} else {
			r.Failed++
		}
		if t.Modifier < 0 {
			r.Uncurved += t.Modifier
		} else {
			bonus += t.Modifier
		}
	}
	r.Score = max(r.Uncurved, 0)
	if r.Uncurved >= bonusFrom {
		r.Score += bonus
	}
	r.Grade = letterOf(r.Score)
	return r
}

// test returns a verdict with what the table says of its result.
func (s *site) test(name, result string, pass bool) Test {
	return Test{
		Name: name, Result: result, Pass: pass,
		Modifier: Modifier(result, s.version), Description: Describe(result),
	}
}
