package observatory

// sniffTest grades X-Content-Type-Options.
func sniffTest(s *site) Test {
	value := s.first("X-Content-Type-Options")
	switch {
	case value == "":
		return s.test(testSniff, sniffNone, false)
	case lower(trimBlank(head(value, 256))) == "nosniff":
		return s.test(testSniff, sniffOff, true)
	}
	return s.test(testSniff, sniffInvalid, false)
}
