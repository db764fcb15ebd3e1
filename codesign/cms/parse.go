package cms

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/kinring/kinring/codesign/unreadable"
)

// maxCertificates bounds the certificates of one message; Apple's have three.
const maxCertificates = 32

// Object identifiers of RFC 5652, RFC 3161 and Apple.
var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningTime   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 5}
	oidTSTInfo       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidStampToken    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 14}
	oidCDHashes      = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 9, 1}
	oidAgility       = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 9, 2}
)

// Constructed context tags.
var (
	context0 = casn1.Tag(0).ContextSpecific().Constructed()
	context1 = casn1.Tag(1).ContextSpecific().Constructed()
)

// signedData is a message in parts, nothing verified yet.
type signedData struct {
	contentType  asn1.ObjectIdentifier
	content      []byte // nil when detached
	certificates []*x509.Certificate
	algorithms   []asn1.ObjectIdentifier // of the message's digests
	signer       signerInfo
}

// signerInfo is the one signer of a message.
type signerInfo struct {
	issuer, serial []byte // raw issuer name and serial number, or
	keyID          []byte // subject key identifier
	digest         asn1.ObjectIdentifier
	attributes     []byte // signed attributes with their tag
	signed         []attribute
	algorithm      asn1.ObjectIdentifier
	signature      []byte
	unsigned       []attribute
}

// attribute is one attribute; values is the content of its SET.
type attribute struct {
	oid    asn1.ObjectIdentifier
	values cryptobyte.String
}

// find returns the values of the attribute with the identifier.
func find(list []attribute, oid asn1.ObjectIdentifier) (cryptobyte.String, bool) {
	for _, a := range list {
		if a.oid.Equal(oid) {
			return a.values, true
		}
	}
	return nil, false
}

// parser reads a message; the error of its first failure stays.
type parser struct{ der []byte }

func (p *parser) fail(rest cryptobyte.String, problem string) error {
	offset := cap(p.der) - cap([]byte(rest))
	return unreadable.At("cms message", int64(max(0, min(offset, len(p.der)))), "%s", problem)
}

// parse reads a SignedData message in DER.
func parse(der []byte) (*signedData, error) {
	p := &parser{der: der}
	input := cryptobyte.String(der)
	var info, wrapped, body cryptobyte.String
	var kind asn1.ObjectIdentifier
	if !input.ReadASN1(&info, casn1.SEQUENCE) || !input.Empty() ||
		!info.ReadASN1ObjectIdentifier(&kind) || !kind.Equal(oidSignedData) ||
		!info.ReadASN1(&wrapped, context0) || !info.Empty() ||
		!wrapped.ReadASN1(&body, casn1.SEQUENCE) || !wrapped.Empty() {
		return nil, p.fail(info, "it is no signed-data message")
	}
	return p.signedData(body)
}

func (p *parser) signedData(in cryptobyte.String) (*signedData, error) {
	var s signedData
	var version int
	var algorithms, signers cryptobyte.String
	if !in.ReadASN1Integer(&version) || !in.ReadASN1(&algorithms, casn1.SET) {
		return nil, p.fail(in, "its version or its digest algorithms do not read")
	}
	if err := p.algorithms(&s, algorithms); err != nil {
		return nil, err
	}
	if err := p.content(&s, &in); err != nil {
		return nil, err
	}
	if err := p.certificates(&s, &in); err != nil {
		return nil, err
	}
	if !in.ReadASN1(&signers, casn1.SET) || !in.Empty() {
		return nil, p.fail(in, "it has no set of signers, or more follows it")
	}
	if err := p.signer(&s.signer, signers); err != nil {
		return nil, err
	}
	if version != s.version() {
		return nil, p.fail(in, "its version number does not fit its content")
	}
	if !containsOID(s.algorithms, s.signer.digest) {
		return nil, p.fail(in, "its list of digest algorithms lacks that of its signer")
	}
	return &s, nil
}

// version is the number that RFC 5652, 5.1 prescribes.
func (s *signedData) version() int {
	if s.contentType.Equal(oidData) && s.signer.keyID == nil {
		return 1
	}
	return 3
}

func containsOID(list []asn1.ObjectIdentifier, oid asn1.ObjectIdentifier) bool {
	for _, o := range list {
		if o.Equal(oid) {
			return true
		}
	}
	return false
}

func (p *parser) algorithms(s *signedData, in cryptobyte.String) error {
	for !in.Empty() {
		oid, err := p.algorithm(&in)
		if err != nil {
			return err
		}
		if _, known := digests[oid.String()]; !known {
			return p.fail(in, "digest algorithm "+oid.String()+" is unknown")
		}
		s.algorithms = append(s.algorithms, oid)
	}
	return nil
}

// algorithm reads an AlgorithmIdentifier whose parameters are NULL or absent.
func (p *parser) algorithm(in *cryptobyte.String) (asn1.ObjectIdentifier, error) {
	var body, null cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !in.ReadASN1(&body, casn1.SEQUENCE) || !body.ReadASN1ObjectIdentifier(&oid) {
		return nil, p.fail(*in, "an algorithm does not read")
	}
	if !body.Empty() && (!body.ReadASN1(&null, casn1.NULL) || !null.Empty() || !body.Empty()) {
		return nil, p.fail(body, "an algorithm has parameters")
	}
	return oid, nil
}

// content reads EncapsulatedContentInfo.
func (p *parser) content(s *signedData, in *cryptobyte.String) error {
	var body, wrapped, content cryptobyte.String
	if !in.ReadASN1(&body, casn1.SEQUENCE) || !body.ReadASN1ObjectIdentifier(&s.contentType) {
		return p.fail(*in, "its content type does not read")
	}
	if body.Empty() {
		return nil
	}
	if !body.ReadASN1(&wrapped, context0) || !body.Empty() ||
		!wrapped.ReadASN1(&content, casn1.OCTET_STRING) || !wrapped.Empty() {
		return p.fail(body, "its content is no octet string")
	}
	s.content = content
	if s.content == nil {
		s.content = []byte{}
	}
	return nil
}

func (p *parser) certificates(s *signedData, in *cryptobyte.String) error {
	var set cryptobyte.String
	var present bool
	if !in.ReadOptionalASN1(&set, &present, context0) {
		return p.fail(*in, "its certificates do not read")
	}
	for !set.Empty() {
		var raw cryptobyte.String
		if len(s.certificates) == maxCertificates || !set.ReadASN1Element(&raw, casn1.SEQUENCE) {
			return p.fail(set, "it has too many certificates, or one of another kind than X.509")
		}
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			return unreadable.Because(err, "cms message", int64(cap(p.der)-cap([]byte(raw))), "a certificate does not read")
		}
		s.certificates = append(s.certificates, c)
	}
	return nil
}

// signer reads the set of signers, which must have one member.
func (p *parser) signer(s *signerInfo, set cryptobyte.String) error {
	var in cryptobyte.String
	var version int
	if !set.ReadASN1(&in, casn1.SEQUENCE) || !set.Empty() {
		return p.fail(set, "it has no signer, or more than one")
	}
	if !in.ReadASN1Integer(&version) {
		return p.fail(in, "the signer's version does not read")
	}
	if err := p.signerID(s, &in, version); err != nil {
		return err
	}
	var err error
	if s.digest, err = p.algorithm(&in); err != nil {
		return err
	}
	if err = p.signedAttributes(s, &in); err != nil {
		return err
	}
	if s.algorithm, err = p.algorithm(&in); err != nil {
		return err
	}
	var signature cryptobyte.String
	if !in.ReadASN1(&signature, casn1.OCTET_STRING) {
		return p.fail(in, "the signature does not read")
	}
	s.signature = signature
	return p.unsignedAttributes(s, in)
}

// signerID reads how the signer's certificate is named: by issuer and serial
// number in version 1, by key identifier in version 3.
func (p *parser) signerID(s *signerInfo, in *cryptobyte.String, version int) error {
	var id, issuer, keyID cryptobyte.String
	serial := new(big.Int)
	if version == 3 && in.ReadASN1(&keyID, casn1.Tag(0).ContextSpecific()) {
		s.keyID = keyID
		return nil
	}
	if version != 1 || !in.ReadASN1(&id, casn1.SEQUENCE) || !id.ReadASN1Element(&issuer, casn1.SEQUENCE) ||
		!id.ReadASN1Integer(serial) || !id.Empty() {
		return p.fail(*in, "the signer's name does not read")
	}
	s.issuer, s.serial = issuer, serial.Bytes()
	return nil
}

// names reports whether the signer info names the certificate.
func (s *signerInfo) names(c *x509.Certificate) bool {
	if s.keyID != nil {
		return bytes.Equal(s.keyID, c.SubjectKeyId)
	}
	return bytes.Equal(s.issuer, c.RawIssuer) && c.SerialNumber.Sign() >= 0 && bytes.Equal(s.serial, c.SerialNumber.Bytes())
}

// signedAttributes reads the signed attributes, which are hashed as a SET.
func (p *parser) signedAttributes(s *signerInfo, in *cryptobyte.String) error {
	var raw cryptobyte.String
	if !in.ReadASN1Element(&raw, context0) {
		return p.fail(*in, "the signer has no signed attributes")
	}
	s.attributes = append([]byte{byte(casn1.SET)}, raw[1:]...)
	var body cryptobyte.String
	raw.ReadASN1(&body, context0)
	var err error
	s.signed, err = p.attributes(body)
	return err
}

func (p *parser) unsignedAttributes(s *signerInfo, in cryptobyte.String) error {
	if in.Empty() {
		return nil
	}
	var body cryptobyte.String
	if !in.ReadASN1(&body, context1) || !in.Empty() {
		return p.fail(in, "the signer's unsigned attributes do not read")
	}
	var err error
	s.unsigned, err = p.attributes(body)
	return err
}

func (p *parser) attributes(in cryptobyte.String) ([]attribute, error) {
	var list []attribute
	for !in.Empty() {
		var body cryptobyte.String
		var a attribute
		if !in.ReadASN1(&body, casn1.SEQUENCE) || !body.ReadASN1ObjectIdentifier(&a.oid) ||
			!body.ReadASN1(&a.values, casn1.SET) || !body.Empty() {
			return nil, p.fail(in, "an attribute does not read")
		}
		if _, twice := find(list, a.oid); twice {
			return nil, p.fail(in, "attribute "+a.oid.String()+" occurs twice")
		}
		if list = append(list, a); len(list) > maxAttributes {
			return nil, p.fail(in, "it has too many attributes")
		}
	}
	return list, nil
}

// maxAttributes bounds the attributes of a signer; Apple's have six.
const maxAttributes = 64

var errOneValue = errors.New("an attribute has not exactly one value")
