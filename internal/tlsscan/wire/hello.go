package wire

import (
	"slices"
	"strings"
)

// The extensions that are read or written here.
const (
	ExtServerName         = 0
	ExtStatusRequest      = 5
	ExtGroups             = 10
	ExtPointFormats       = 11
	ExtSignatures         = 13
	ExtHeartbeat          = 15
	ExtALPN               = 16
	ExtSCT                = 18
	ExtPadding            = 21
	ExtEncryptThenMAC     = 22
	ExtExtendedMaster     = 23
	ExtTicket             = 35
	ExtPSK                = 41
	ExtEarlyData          = 42
	ExtSupportedVersions  = 43
	ExtCookie             = 44
	ExtPSKModes           = 45
	ExtSignaturesCert     = 50
	ExtKeyShare           = 51
	ExtNextProtocol       = 13172
	ExtECH                = 0xfe0d
	ExtRenegotiation      = 0xff01
	extServerNameHostType = 0
)

// An Extension of a hello.
type Extension struct {
	ID   uint16
	Data []byte
}

// A KeyShare is a public key of a group.
type KeyShare struct {
	Group Group
	Key   []byte
}

// A ClientHello is what a client offers. Nothing is added to what stands here: a zero
// ClientHello has no suite, no compression and no extension.
type ClientHello struct {
	// Version is the legacy version of the hello, at most TLS12 for a correct client.
	Version Version
	// Record is the version of the record around it; zero is TLS10, and SSL3 for SSL3.
	Record      Version
	Random      [32]byte
	SessionID   []byte
	Suites      []Suite
	Compression []byte
	Extensions  []Extension
	// Split puts the message into records of so many bytes; zero is as few as possible.
	Split int
	// Pad fills a message of 256 to 511 bytes up to 512, as browsers do for servers that
	// hang at such a length (RFC 7685 section 1).
	Pad bool
}

// Add appends an extension.
func (h *ClientHello) Add(id uint16, data []byte) {
	h.Extensions = append(h.Extensions, Extension{id, data})
}

// AddServerName names the host; an empty name adds nothing, nor does a name longer than
// a DNS name can be.
func (h *ClientHello) AddServerName(name string) {
	name = strings.TrimSuffix(name, ".")
	if name == "" || len(name) > 255 {
		return
	}
	entry := putVec16([]byte{extServerNameHostType}, []byte(name))
	h.Add(ExtServerName, putVec16(nil, entry))
}

// AddGroups offers groups, and with points the uncompressed form that ECDHE of TLS 1.2
// needs.
func (h *ClientHello) AddGroups(groups []Group, points bool) {
	h.Add(ExtGroups, putVec16(nil, numbers(groups)))
	if points {
		h.Add(ExtPointFormats, []byte{1, 0})
	}
}

// Replace puts other numbers into an extension that is a list of them, and adds nothing
// where the hello has no such extension.
func (h *ClientHello) Replace(id uint16, schemes []SignatureScheme) {
	for i, x := range h.Extensions {
		if x.ID == id {
			h.Extensions[i].Data = putVec16(nil, numbers(schemes))
		}
	}
}

// AddSignatures offers signature schemes.
func (h *ClientHello) AddSignatures(schemes []SignatureScheme) {
	h.Add(ExtSignatures, putVec16(nil, numbers(schemes)))
}

// AddALPN offers application protocols.
func (h *ClientHello) AddALPN(protocols []string) {
	var list []byte
	for _, p := range protocols {
		list = putVec8(list, []byte(p))
	}
	h.Add(ExtALPN, putVec16(nil, list))
}

// AddVersions offers versions by the extension of TLS 1.3.
func (h *ClientHello) AddVersions(versions ...Version) {
	h.Add(ExtSupportedVersions, putVec8(nil, numbers(versions)))
}

// AddKeyShares offers keys. Without any, the server has to ask for a group by a
// HelloRetryRequest, which names its choice without our having a key.
func (h *ClientHello) AddKeyShares(shares ...KeyShare) {
	var list []byte
	for _, s := range shares {
		list = putVec16(put16(list, int(s.Group)), s.Key)
	}
	h.Add(ExtKeyShare, putVec16(nil, list))
}

func numbers[T ~uint16](list []T) []byte {
	out := make([]byte, 0, 2*len(list))
	for _, n := range list {
		out = put16(out, int(n))
	}
	return out
}

// Marshal returns the handshake message.
func (h *ClientHello) Marshal() []byte {
	b := h.marshal(h.Extensions)
	if n := len(b); h.Pad && len(h.Extensions) > 0 && n >= 256 && n < 512 {
		b = h.marshal(append(slices.Clone(h.Extensions), Extension{ExtPadding, make([]byte, max(512-4-n, 0))}))
	}
	return b
}

// Fill adds padding for a message of at least n bytes.
func (h *ClientHello) Fill(n int) {
	if short := n - 4 - len(h.marshal(h.Extensions)); short > 0 {
		h.Add(ExtPadding, make([]byte, short))
	}
}

func (h *ClientHello) marshal(extensions []Extension) []byte {
	b := put16(nil, int(h.Version))
	b = append(b, h.Random[:]...)
	b = putVec8(b, h.SessionID)
	b = putVec16(b, numbers(h.Suites))
	b = putVec8(b, h.Compression)
	if len(extensions) > 0 {
		var x []byte
		for _, e := range extensions {
			x = putVec16(put16(x, int(e.ID)), e.Data)
		}
		b = putVec16(b, x)
	}
	return Handshake(TypeClientHello, b)
}

// Records returns the message in records.
func (h *ClientHello) Records() []byte {
	v := h.Record
	if v == 0 {
		v = min(max(h.Version, SSL3), TLS10)
	}
	message := h.Marshal()
	if h.Split <= 0 {
		return AppendRecords(nil, RecordHandshake, v, message)
	}
	var b []byte
	for part := range slices.Chunk(message, h.Split) {
		b = AppendRecords(b, RecordHandshake, v, part)
	}
	return b
}

// Handshake puts the header before the body of a message.
func Handshake(typ byte, body []byte) []byte { return putVec24([]byte{typ}, body) }

// AppendRecords appends data as records of at most 16 KiB.
func AppendRecords(b []byte, typ byte, v Version, data []byte) []byte {
	for {
		n := min(len(data), MaxPlain)
		b = append(b, typ, byte(v>>8), byte(v))
		b = putVec16(b, data[:n])
		if data = data[n:]; len(data) == 0 {
			return b
		}
	}
}
