package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"strings"

	"github.com/panoplysec/panoply/internal/tlsscan/block"
)

// A maker makes a block cipher.
type maker struct {
	// key is how many bytes of it the key block gives, and size those of a block.
	key, size int
	make      func(key []byte) (cipher.Block, error)
}

// makers are by how suites name the cipher.
var makers = map[string]maker{
	"AES_128":      {16, 16, aes.NewCipher},
	"AES_256":      {32, 16, aes.NewCipher},
	"CAMELLIA_128": {16, 16, block.NewCamellia},
	"CAMELLIA_256": {32, 16, block.NewCamellia},
	"ARIA_128":     {16, 16, block.NewARIA},
	"ARIA_256":     {32, 16, block.NewARIA},
	"SEED":         {16, 16, block.NewSEED},
	"IDEA":         {16, 8, block.NewIDEA},
	"3DES_EDE":     {24, 8, des.NewTripleDESCipher},
	"DES":          {8, 8, des.NewCipher},
	"DES40":        {5, 8, des.NewCipher}, // the rest is stretched: see export
}

// blockOf reads a cipher's name, as wire.Kind has it: the block cipher and its mode.
func blockOf(name string) (m maker, mode string, ok bool) {
	for _, mode := range []string{"CBC", "GCM", "CCM", "CCM_8"} {
		if before, found := strings.CutSuffix(name, "_"+mode); found {
			m, ok = makers[before]
			return m, mode, ok
		}
	}
	return m, "", false
}
