package observatory

import "math/bits"

// rankSet is a set of the numbers below a bound with neighbours found in constant time,
// give or take: each level has one bit for each word of the level below.
type rankSet struct{ levels [][]uint64 }

func newRankSet(bound int) *rankSet {
	s := &rankSet{}
	for {
		bound = (bound + 63) / 64
		s.levels = append(s.levels, make([]uint64, bound))
		if bound <= 1 {
			return s
		}
	}
}

func (s *rankSet) add(i int) {
	for _, level := range s.levels {
		level[i/64] |= 1 << (i % 64)
		i /= 64
	}
}

func (s *rankSet) remove(i int) {
	for _, level := range s.levels {
		level[i/64] &^= 1 << (i % 64)
		if level[i/64] != 0 {
			return
		}
		i /= 64
	}
}

func (s *rankSet) has(i int) bool { return s.levels[0][i/64]>>(i%64)&1 == 1 }

// next returns the smallest member above i, or -1.
func (s *rankSet) next(i int) int {
	for depth, level := range s.levels {
		i++
		if i/64 >= len(level) {
			return -1
		}
		if word := level[i/64] >> (i % 64); word != 0 {
			i += bits.TrailingZeros64(word)
			for depth--; depth >= 0; depth-- {
				i = i*64 + bits.TrailingZeros64(s.levels[depth][i])
			}
			return i
		}
		i /= 64
	}
	return -1
}

// previous returns the largest member below i, or -1.
func (s *rankSet) previous(i int) int {
	for depth, level := range s.levels {
		if word := level[i/64] & (1<<(i%64) - 1); word != 0 {
			i = i/64*64 + bits.Len64(word) - 1
			for depth--; depth >= 0; depth-- {
				i = i*64 + bits.Len64(s.levels[depth][i]) - 1
			}
			return i
		}
		i /= 64
	}
	return -1
}
