// Package signfixture makes signed macOS code for tests: Mach-O files built by
// Go's cross compiler and signed here, provisioning profiles, and whole
// bundles, with knobs that break one thing at a time.
//
// Nothing of it is trusted by Apple: certificates come from a test authority
// whose root a test hands to the reader. The package shares no code with the
// readers that it feeds, so an error in one of them cannot hide in the other.
// Keys and signatures are derived from fixed names, which makes every fixture
// the same bytes in every run.
//
// Formats: Apple's published cs_blobs.h and codedirectory.h for the signature,
// RFC 5652 for CMS, RFC 3161 for time stamps, Technical Note TN3125 for
// provisioning profiles, TN3126 for the code directory hashes.
package signfixture
