package cms

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// readStamp verifies the token of a time-stamping authority over a signature.
// It also returns the token's certificates that the verification did not use.
func readStamp(values cryptobyte.String, signature []byte, roots *Roots) (*Timestamp, []*x509.Certificate) {
	t := &Timestamp{}
	var token cryptobyte.String
	if !values.ReadASN1Element(&token, casn1.SEQUENCE) || !values.Empty() {
		t.Err = errOneValue
		return t, nil
	}
	s, err := parse(token)
	if err != nil {
		t.Err = err
		return t, nil
	}
	if !s.contentType.Equal(oidTSTInfo) || s.content == nil {
		t.Err = fmt.Errorf("the token's content is of type %s, not a time stamp", s.contentType)
		return t, nil
	}
	t.verify(s, signature, roots)
	return t, unused(s.certificates, t.Chain)
}

// verify checks the token from the inside out: what it covers, who signed it,
// and whom that one answers to.
func (t *Timestamp) verify(s *signedData, signature []byte, roots *Roots) {
	m := s.message(nil)
	t.Signer = m.Signer
	info, err := parseStampInfo(s.content)
	if err != nil {
		t.Err = err
		return
	}
	t.Time = info.time
	t.Chain, err = roots.chain(m.Signer, m.Certificates, timeStamping, t.Time)
	t.Err = errors.Join(info.covers(signature), m.SignatureErr, err)
}

// stampInfo is what a time stamp attests (TSTInfo of RFC 3161, 2.4.2).
type stampInfo struct {
	hash    crypto.Hash
	imprint []byte
	time    time.Time
}

var errStampInfo = errors.New("the content of the time stamp does not read")

func parseStampInfo(b []byte) (*stampInfo, error) {
	in := cryptobyte.String(b)
	var body, imprint, digest, when cryptobyte.String
	var version int
	var policy asn1.ObjectIdentifier
	if !in.ReadASN1(&body, casn1.SEQUENCE) || !in.Empty() || !body.ReadASN1Integer(&version) || version != 1 ||
		!body.ReadASN1ObjectIdentifier(&policy) || !body.ReadASN1(&imprint, casn1.SEQUENCE) {
		return nil, errStampInfo
	}
	algorithm, err := (&parser{der: b}).algorithm(&imprint)
	if err != nil || !imprint.ReadASN1(&digest, casn1.OCTET_STRING) || !imprint.Empty() {
		return nil, errStampInfo
	}
	if !body.ReadASN1Integer(new(big.Int)) || !body.ReadASN1(&when, casn1.GeneralizedTime) {
		return nil, errStampInfo
	}
	t, err := time.Parse("20060102150405Z", string(when)) // a fraction of a second may follow the seconds
	if err != nil {
		return nil, errStampInfo
	}
	return &stampInfo{hash: digests[algorithm.String()], imprint: digest, time: t}, nil
}

// covers checks that the time stamp is one over the signature.
func (i *stampInfo) covers(signature []byte) error {
	if i.hash == 0 {
		return errors.New("the time stamp uses an unknown digest algorithm")
	}
	if !bytes.Equal(i.imprint, sum(i.hash, signature)) {
		return errors.New("the time stamp is one over another signature")
	}
	return nil
}
