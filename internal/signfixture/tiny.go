package signfixture

// tinyText is the size of the small program's __TEXT: one page of Apple
// silicon.
const tinyText = 1 << fatAlign

// cpuARM64 is CPU_TYPE_ARM64 of <mach/machine.h>.
const cpuARM64 = 0x0100000c

// Tiny returns an unsigned arm64 executable of the least size: a header, __TEXT
// and an empty __LINKEDIT. It serves where a signature is judged so often that
// the page hashes of a linked program would take most of the time.
func Tiny() []byte {
	words := []uint32{machMagic64, cpuARM64, 0, TypeExecute, 2, 2 * segmentSize64, 0, 0}
	out := make([]byte, 0, tinyText)
	for _, w := range words {
		out = le.AppendUint32(out, w)
	}
	out = appendSegment(out, "__TEXT", 0, tinyText)
	out = appendSegment(out, "__LINKEDIT", tinyText, 0)
	return append(out, make([]byte, tinyText-len(out))...)
}

// segmentSize64 is the size of a segment command without sections.
const segmentSize64 = 72

// appendSegment appends a segment command, whose memory begins at the place that
// 64-bit programs leave for address zero.
func appendSegment(out []byte, name string, offset, size uint64) []byte {
	const base, readExecute = 1 << 32, 5
	out = le.AppendUint32(out, lcSegment64)
	out = le.AppendUint32(out, segmentSize64)
	out = append(out, append([]byte(name), make([]byte, 16-len(name))...)...)
	for _, n := range []uint64{base + offset, size, offset, size} {
		out = le.AppendUint64(out, n)
	}
	for _, n := range []uint32{readExecute, readExecute, 0, 0} {
		out = le.AppendUint32(out, n)
	}
	return out
}
