// Package macho reads the headers of Mach-O files: which architectures a file
// holds, what kind of code each one is, and where its signature lies. It reads
// headers and load commands only.
//
// Formats: Apple's published <mach-o/loader.h>, <mach-o/fat.h> and
// <mach/machine.h>.
package macho

import "fmt"

// FileType says what a Mach-O file is for (MH_* in <mach-o/loader.h>).
type FileType uint32

// The file types that macOS loads, and the others that a bundle may hold.
const (
	Object     FileType = 1
	Execute    FileType = 2
	Core       FileType = 4
	Dylib      FileType = 6
	Dylinker   FileType = 7
	LoadBundle FileType = 8 // a plug-in or a .node add-on
	DylibStub  FileType = 9
	DSYM       FileType = 10
	KextBundle FileType = 11
)

var fileTypeNames = map[FileType]string{
	Object: "object", Execute: "execute", Core: "core", Dylib: "dylib", Dylinker: "dylinker",
	LoadBundle: "bundle", DylibStub: "dylib-stub", DSYM: "dsym", KextBundle: "kext",
}

// String returns the type's name in lower case.
func (t FileType) String() string {
	if name, ok := fileTypeNames[t]; ok {
		return name
	}
	return fmt.Sprintf("filetype-%d", uint32(t))
}

// IsLibrary reports whether the code runs inside another program's process and
// so under that program's entitlements.
func (t FileType) IsLibrary() bool {
	return t == Dylib || t == LoadBundle || t == DylibStub
}

// Platform says which system a slice was built for (PLATFORM_* in
// <mach-o/loader.h>).
type Platform uint32

// The platforms that code on a Mac is built for.
const (
	PlatformUnknown     Platform = 0
	PlatformMacOS       Platform = 1
	PlatformIOS         Platform = 2
	PlatformMacCatalyst Platform = 6
	PlatformDriverKit   Platform = 10
)

var platformNames = map[Platform]string{
	PlatformUnknown: "unknown", PlatformMacOS: "macos", PlatformIOS: "ios", 3: "tvos", 4: "watchos", 5: "bridgeos",
	PlatformMacCatalyst: "mac-catalyst", 7: "ios-simulator", 8: "tvos-simulator", 9: "watchos-simulator",
	PlatformDriverKit: "driverkit", 11: "visionos", 12: "visionos-simulator",
}

// String returns the platform's name in lower case.
func (p Platform) String() string {
	if name, ok := platformNames[p]; ok {
		return name
	}
	return fmt.Sprintf("platform-%d", uint32(p))
}

// Version is a version as load commands and code directories pack it: 16 bits
// major, 8 bits minor, 8 bits patch.
type Version uint32

// String returns "major.minor" or "major.minor.patch".
func (v Version) String() string {
	if patch := v & 0xff; patch != 0 {
		return fmt.Sprintf("%d.%d.%d", v>>16, v>>8&0xff, patch)
	}
	return fmt.Sprintf("%d.%d", v>>16, v>>8&0xff)
}

// Range is a run of bytes of a file.
type Range struct{ Offset, Size int64 }

// End returns the offset just after the range.
func (r Range) End() int64 { return r.Offset + r.Size }

// File is a Mach-O file: one slice, or several under a fat header.
type File struct {
	Size   int64
	Fat    bool // has a fat header
	Wide   bool // the fat header has 64-bit offsets
	Slices []Slice
}

// Slice is one architecture of a file. Offsets of Range fields count from the
// start of the file, not of the slice.
type Slice struct {
	Range               // the whole slice
	CPU, SubCPU  uint32 // of the Mach-O header
	Arch         string // in lipo's words: "arm64", "x86_64"
	Bits         int    // 32 or 64
	BigEndian    bool
	Type         FileType
	Flags        uint32
	UUID         [16]byte // LC_UUID; zero where there is none
	Platform     Platform
	MinOS, SDK   Version
	Text         Range  // __TEXT: the executable segment
	LinkEdit     Range  // __LINKEDIT
	InfoPlist    Range  // the section __TEXT,__info_plist; zero where there is none
	Signature    *Range // LC_CODE_SIGNATURE; nil where there is none
	CommandCount uint32
}
