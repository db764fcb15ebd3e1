package signfixture

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"debug/macho"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kinring/kinring/internal/require"
	"github.com/smallstep/pkcs7"
	"howett.net/plist"
)

func release(tb testing.TB, id string) Signing {
	a := TestAuthority(tb)
	return Signing{
		Identifier: id, Signer: a.Leaf(tb, Certificate{}), TSA: a.Timestamp,
		Entitlements: AppEntitlements(Team, id, "org.kinring.shared"),
	}
}

// parts reads a signature back with a reader of its own: the index only.
func parts(tb testing.TB, signed []byte) map[uint32][]byte {
	tb.Helper()
	offset, size := SignatureRange(signed)
	if offset+size != len(signed) {
		tb.Fatalf("signature at %d+%d does not end the file of %d bytes", offset, size, len(signed))
	}
	blob, out := signed[offset:], map[uint32][]byte{}
	be := binary.BigEndian
	for i := range be.Uint32(blob[8:]) {
		at := blob[be.Uint32(blob[16+8*i:]):]
		out[be.Uint32(blob[12+8*i:])] = at[:be.Uint32(at[4:])]
	}
	return out
}

func TestPagesAndSlotsHash(t *testing.T) {
	for _, arch := range []string{"arm64", "amd64"} {
		for _, version := range []uint32{0x20100, 0x20200, 0x20300, 0x20400, 0x20500, 0x20600} {
			s := release(t, "org.kinring.fixture")
			s.Version = version
			signed := Sign(t, Program(t, arch), s)
			if _, err := macho.NewFile(bytes.NewReader(signed)); err != nil {
				t.Fatalf("%s %#x: debug/macho: %v", arch, version, err)
			}
			checkDirectory(t, signed, parts(t, signed))
		}
	}
}

func checkDirectory(t *testing.T, signed []byte, blobs map[uint32][]byte) {
	t.Helper()
	cd := blobs[slotDirectory]
	be := binary.BigEndian
	hashes, limit := be.Uint32(cd[16:]), be.Uint32(cd[32:])
	for i := range be.Uint32(cd[28:]) {
		want := sha256.Sum256(signed[i*4096 : min((i+1)*4096, limit)])
		if !bytes.Equal(cd[hashes+i*32:][:32], want[:]) {
			t.Fatalf("version %#x: page %d does not hash", be.Uint32(cd[8:]), i)
		}
	}
	for _, slot := range []uint32{slotRequirements, slotXML, slotDER} {
		want := sha256.Sum256(blobs[slot])
		if !bytes.Equal(cd[hashes-slot*32:][:32], want[:]) {
			t.Fatalf("version %#x: slot %d does not hash", be.Uint32(cd[8:]), slot)
		}
	}
}

func TestCMSVerifiesWithAnotherLibrary(t *testing.T) {
	signed := Sign(t, Program(t, "arm64"), release(t, "org.kinring.fixture"))
	blobs := parts(t, signed)
	p, err := pkcs7.Parse(blobs[slotCMS][8:])
	if err != nil {
		t.Fatal(err)
	}
	p.Content = blobs[slotDirectory]
	if err := p.Verify(); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(OtherAuthority(t).Root.Certificate)
	if err := p.VerifyWithChain(pool); err == nil {
		t.Error("a stranger's root verifies the fixture")
	}
	p.Content = append(p.Content, 0)
	if err := p.Verify(); err == nil {
		t.Error("another code directory verifies")
	}
}

func TestProfileReadsBack(t *testing.T) {
	leaf := TestAuthority(t).Leaf(t, Certificate{})
	data := Profile{AppID: "org.kinring.app", Certificates: []*Identity{leaf}}.Encode(t)
	list := readProfile(t, data)
	der, ok := list["DER-Encoded-Profile"].([]byte)
	if !ok {
		t.Fatalf("no DER copy in %v", list)
	}
	inner, err := pkcs7.Parse(der)
	if err != nil || inner.Verify() != nil {
		t.Fatalf("DER copy: %v", err)
	}
	if got := list["Entitlements"].(map[string]any)["com.apple.application-identifier"]; got != Team+".org.kinring.app" {
		t.Errorf("application id in profile: %v", got)
	}
	if list["ProvisionsAllDevices"] != true {
		t.Error("profile is not for all devices")
	}
}

func readProfile(t *testing.T, data []byte) map[string]any {
	t.Helper()
	p, err := pkcs7.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Verify(); err != nil {
		t.Fatal(err)
	}
	list := map[string]any{}
	if _, err := plist.Unmarshal(p.Content, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestFixturesAreTheSameBytesEveryTime(t *testing.T) {
	s := release(t, "org.kinring.fixture")
	first, second := Sign(t, Program(t, "arm64"), s), Sign(t, Program(t, "arm64"), s)
	if !bytes.Equal(first, second) {
		t.Error("signing twice gives different bytes")
	}
}

func TestFatReadsBack(t *testing.T) {
	for _, wide := range []bool{false, true} {
		s := release(t, "org.kinring.fixture")
		thin := [][]byte{Sign(t, Program(t, "amd64"), s), Sign(t, Program(t, "arm64"), s)}
		fat := Fat(wide, thin...)
		if wide {
			if binary.BigEndian.Uint32(fat) != fatMagic64 {
				t.Error("wide fat header has the narrow magic")
			}
			at := binary.BigEndian.Uint64(fat[8+8:])
			if !bytes.Equal(fat[at:at+uint64(len(thin[0]))], thin[0]) {
				t.Error("first wide slice is not where the header says")
			}
			continue
		}
		f, err := macho.NewFatFile(bytes.NewReader(fat))
		if err != nil || len(f.Arches) != 2 {
			t.Fatalf("fat file: %v", err)
		}
	}
}

func TestBundleSealsItsFiles(t *testing.T) {
	app := Bundle{
		Name: "Demo.app", ID: "org.kinring.demo", Signing: release(t, "org.kinring.demo"),
		Profile: &Profile{AppID: "org.kinring.demo"}, Files: map[string]string{"Resources/a.txt": "a"},
		Nested: []Nested{{"Frameworks", Bundle{Name: "Lib.framework", ID: "org.kinring.lib", Signing: Signing{}}}},
	}
	tree := app.Build(t)
	var seal struct {
		Files2 map[string]any `plist:"files2"`
	}
	if _, err := plist.Unmarshal(tree["Demo.app/Contents/_CodeSignature/CodeResources"].Data, &seal); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"Resources/a.txt", "embedded.provisionprofile", "Frameworks/Lib.framework"} {
		if seal.Files2[p] == nil {
			t.Errorf("%s is not sealed", p)
		}
	}
	cdhash := seal.Files2["Frameworks/Lib.framework"].(map[string]any)["cdhash"].([]byte)
	lib := tree["Demo.app/Contents/Frameworks/Lib.framework/Versions/A/Lib"].Data
	if !bytes.Equal(cdhash, CDHash(lib)) {
		t.Error("the framework is sealed with another code directory hash")
	}
	if tree["Demo.app/Contents/Frameworks/Lib.framework/Lib"].Link != "Versions/Current/Lib" {
		t.Error("the framework has no link to its current version")
	}
	for _, packed := range [][]byte{tree.Zip(t), tree.TarGz(t)} {
		if len(packed) == 0 {
			t.Error("empty archive")
		}
	}
}

func TestOpenSSLAgrees(t *testing.T) {
	tool, err := exec.LookPath("openssl")
	require.Need(t, "openssl", err == nil, "it verifies the fixtures' CMS independently")
	dir := t.TempDir()
	blobs := parts(t, Sign(t, Program(t, "amd64"), release(t, "org.kinring.fixture")))
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	root := write("root.der", TestAuthority(t).Root.Certificate.Raw)
	pem := filepath.Join(dir, "root.pem")
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v\n%s", args, err, out)
		}
	}
	run("x509", "-inform", "DER", "-in", root, "-out", pem)
	run("cms", "-verify", "-binary", "-inform", "DER", "-in", write("cms", blobs[slotCMS][8:]), "-purpose", "any",
		"-content", write("cd", blobs[slotDirectory]), "-CAfile", pem, "-ignore_critical", "-out", filepath.Join(dir, "out"))
	profile := Profile{AppID: "a.b", Certificates: []*Identity{TestAuthority(t).Leaf(t, Certificate{})}}.Encode(t)
	run("cms", "-verify", "-binary", "-inform", "DER", "-in", write("profile", profile), "-purpose", "any",
		"-CAfile", pem, "-ignore_critical", "-out", filepath.Join(dir, "out"))
	value := []byte("a signature value")
	token := must(timestampToken(TestAuthority(t).Timestamp, value, Now))
	run("ts", "-verify", "-token_in", "-in", write("token", token), "-data", write("value", value), "-CAfile", pem)
}

func TestKnobsRefuseWhatTheyCannotDo(t *testing.T) {
	for name, program := range map[string][]byte{
		"empty":      nil,
		"short":      Program(t, "arm64")[:40],
		"no header":  bytes.Repeat([]byte{1}, 64),
		"no segment": slices.Concat(Program(t, "arm64")[:16], make([]byte, 64)),
	} {
		if _, err := signThin(program, Signing{}); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	if _, err := Grow(Program(t, "arm64"), 10); err == nil {
		t.Error("a program grew smaller")
	}
}

// TestTinyIsMachO reads the small program with the standard library.
func TestTinyIsMachO(t *testing.T) {
	for _, data := range [][]byte{Tiny(), Sign(t, Tiny(), release(t, "org.kinring.fixture"))} {
		f, err := macho.NewFile(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if f.Cpu != macho.CpuArm64 || f.Type != macho.TypeExec || f.Segment("__TEXT").Filesz != tinyText {
			t.Errorf("%+v", f.FileHeader)
		}
		if l := f.Segment("__LINKEDIT"); l.Offset+l.Filesz != uint64(len(data)) {
			t.Errorf("__LINKEDIT ends at %d of %d", l.Offset+l.Filesz, len(data))
		}
	}
}
