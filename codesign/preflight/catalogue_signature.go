package preflight

// signAgain is the remedy for a signature that is damaged as a whole.
var signAgain = Remedy{
	General:  "sign again as the last step of the build; whatever touches the file afterwards (strip, lipo, install_name_tool, an archiver) must run before signing",
	Codesign: "codesign --force --options runtime --timestamp --sign IDENTITY PATH, inner code first, the outermost bundle last",
	Builder:  "move the step that edits the file into afterPack; afterSign is too late",
	Forge:    "move the step that edits the file into the packageAfterCopy or packageAfterPrune hook",
	Xcode:    "move the script phase that edits the product before the signing phase",
}

// signatureRules judge one slice's signature by itself.
var signatureRules = []Rule{
	{
		ID: "KR101-unsigned", Level: Error, Title: "code without a signature",
		Why: "Apple silicon does not start unsigned arm64 code, and a bundle with one unsigned executable is neither notarized nor opened by Gatekeeper.",
		Remedy: Remedy{
			General: "sign every mach-o file in the product, each of its architectures, before the bundle around it", Codesign: "codesign --options runtime --timestamp --sign IDENTITY PATH",
			Builder: "list the file under mac.binaries", Forge: "list the file under osxSign.binaries", Xcode: "turn Code Sign On Copy on for the file in its copy phase",
		},
	},
	{
		ID: "KR102-slices-disagree", Level: Error, Title: "architectures of one file are signed differently",
		Why:    "One of the architectures runs with another identity or other entitlements: the program works on some Macs only.",
		Remedy: Remedy{General: "join the architectures first and sign the joined file once", Codesign: "lipo -create … -output PATH, then codesign PATH", Builder: "leave signing to the universal target; do not sign the x64 and arm64 apps before they are merged", Forge: "sign after @electron/universal has merged the two apps"},
	},
	{
		ID: "KR103-old-code-directory", Level: Warning, Title: "code directory of an old version",
		Why:    "A signature with the hardened runtime names the SDK that it was made for since version 0x20500; an older one comes from an outdated signing tool.",
		Remedy: Remedy{General: "sign with a current tool", Codesign: "use the codesign of a current Xcode"},
	},
	{
		ID: "KR104-ad-hoc", Level: Error, Title: "signed ad hoc, without a certificate",
		Why:    "Nobody vouches for the code: it is not notarized, Gatekeeper refuses a downloaded copy, and its keychain items are lost with each build because the identity is the hash of the build.",
		Remedy: Remedy{General: "sign with a Developer ID Application certificate; where the signing secret can be absent, let the release stop there", Codesign: "--sign \"Developer ID Application: NAME (TEAM)\" instead of --sign -", Builder: "set mac.identity or CSC_LINK, and mac.forceCodeSigning: true", Forge: "set osxSign.identity", Xcode: "set CODE_SIGN_IDENTITY to Developer ID Application"}, Incidents: []string{"pasrom/meeting-transcriber#722"},
	},
	{
		ID: "KR105-no-hardened-runtime", Level: Error, Title: "executable without the hardened runtime",
		Why:    "Notarization refuses the whole product, and an executable without it gets no validated entitlements.",
		Remedy: Remedy{Codesign: "add --options runtime", Builder: "mac.hardenedRuntime: true", Forge: "hardenedRuntime: true in osxSign.optionsForFile", Xcode: "ENABLE_HARDENED_RUNTIME = YES"},
	},
	{
		ID: "KR106-linker-signed", Level: Note, Title: "only the linker's ad-hoc signature",
		Why:    "The binary starts where nothing marks it as downloaded, as with npm and Homebrew. Its identity changes with every build, so keychain items ask again after each update.",
		Remedy: Remedy{General: "sign with a Developer ID Application certificate if the binary is downloaded by a browser or keeps secrets", Codesign: "codesign --force --options runtime --timestamp --sign IDENTITY PATH"},
	},
	{
		ID: "KR108-no-sha256", Level: Error, Title: "no SHA-256 code directory",
		Why:    "Current systems do not accept a signature that has only SHA-1 hashes.",
		Remedy: Remedy{General: "sign with a current tool and leave its choice of digest alone", Codesign: "drop --digest-algorithm=sha1"},
	},
	{
		ID: "KR109-code-changed", Level: Error, Title: "code differs from what was signed",
		Why: "The system kills the process when it touches a page whose hash does not match.", Remedy: signAgain,
	},
	{
		ID: "KR110-sealed-part-changed", Level: Error, Title: "entitlements, requirements or another signed part differ from what was signed",
		Why: "The code directory no longer vouches for that part: the signature is invalid and the code does not start.", Remedy: signAgain,
	},
	{
		ID: "KR111-info-plist-changed", Level: Error, Title: "Info.plist differs from what was signed",
		Why:    "The bundle's signature is invalid: Gatekeeper calls the app damaged.",
		Remedy: Remedy{General: "write Info.plist before signing; version stamps and URL schemes included", Builder: "set the values in mac.extendInfo instead of editing after the build", Forge: "set the values in packagerConfig.extendInfo", Xcode: "change Info.plist in a build phase, not after the build"}, Incidents: []string{"microsoft/vscode#313109"},
	},
	{
		ID: "KR112-seal-changed", Level: Error, Title: "CodeResources differs from what was signed",
		Why: "The list of sealed files is not the one that the signature names: the bundle's signature is invalid.", Remedy: signAgain,
	},
	{
		ID: "KR120-stray-bytes", Level: Warning, Title: "bytes in the signature that belong to nothing",
		Why:    "Signing tools leave no such bytes. They are not covered by any hash, so the file was changed after signing, or written by a faulty tool.",
		Remedy: Remedy{General: "sign again from a clean build; if it stays, look for the step that rewrites the file", Codesign: "codesign --force …"},
	},
	{
		ID: "KR126-code-limit", Level: Error, Title: "the signature covers more or less than the code",
		Why: "The hashes must end where the signature begins. Code behind their end is vouched for by nobody, and hashes of more than the code match nothing: the file was edited after signing or signed by a faulty tool.", Remedy: signAgain,
	},
	{
		ID: "KR127-executable-segment", Level: Warning, Title: "the signature names another executable segment than the file has",
		Why: "Signing tools copy place and size of __TEXT into the code directory, beside the rights that the system grants to it. Where the two differ, the load commands were edited after signing, or the tool is faulty.", Remedy: signAgain,
	},
	{
		ID: "KR128-scatter-vector", Level: Warning, Title: "the signature's page hashes are not in the order of the code",
		Why:    "A scatter vector assigns the page hashes to other places of the file. Signing tools write none, and preflight cannot tell which code such hashes are of: --verify-pages says nothing about this file.",
		Remedy: Remedy{General: "sign with a current tool", Codesign: "codesign --force --options runtime --timestamp --sign IDENTITY PATH"},
	},
}

// signerRules judge who signed and when.
var signerRules = []Rule{
	{
		ID: "KR113-signature-invalid", Level: Error, Title: "the certificate's signature does not hold",
		Why: "The code directory is not the one that the certificate signed, or the signature cannot be read: the code does not start.", Remedy: signAgain,
	},
	{
		ID: "KR114-untrusted-signer", Level: Error, Title: "the signer is not certified by Apple",
		Why:    "The certificate's chain does not end at one of Apple's roots: no Mac but one that trusts the certificate by hand accepts it.",
		Remedy: Remedy{General: "sign with a Developer ID Application certificate of the team", Codesign: "security find-identity -v -p codesigning lists the usable ones", Builder: "CSC_LINK must hold the Developer ID certificate with its key", Forge: "set osxSign.identity to the Developer ID certificate", Xcode: "CODE_SIGN_IDENTITY = Developer ID Application"},
	},
	{
		ID: "KR115-wrong-certificate-kind", Level: Error, Title: "signed with a certificate that is not Developer ID",
		Why:    "A development certificate works on the developers' own Macs and nowhere else, one for the App Store only there; what users download needs Developer ID Application.",
		Remedy: Remedy{Codesign: "--sign \"Developer ID Application: NAME (TEAM)\"", Builder: "mac.type: distribution, and a Developer ID Application certificate in CSC_LINK", Forge: "osxSign.type: 'distribution' with osxSign.identity of Developer ID Application", Xcode: "archive and export with method developer-id"},
	},
	{
		ID: "KR116-team-mismatch", Level: Error, Title: "the signature names another team than its certificate",
		Why: "The team in the code directory and the certificate's organizational unit must be the same, else the signature is refused.", Remedy: signAgain,
	},
	{
		ID: "KR117-no-timestamp", Level: Error, Title: "no secure time stamp",
		Why:    "Notarization demands one, and without it the program stops starting on the day on which the certificate ends.",
		Remedy: Remedy{Codesign: "add --timestamp, and let the signing machine reach Apple's time stamp server", Builder: "do not set mac.timestamp to none", Forge: "do not set timestamp: 'none' in osxSign.optionsForFile", Xcode: "OTHER_CODE_SIGN_FLAGS = --timestamp"},
	},
	{
		ID: "KR118-timestamp-invalid", Level: Error, Title: "the time stamp does not hold",
		Why: "The time stamp is of another signature, or not by an authority that Apple's roots certify; it counts as none.", Remedy: signAgain,
	},
	{
		ID: "KR119-hash-agility", Level: Error, Title: "the signer's list of code directories is not that of the signature",
		Why: "A code directory was added, removed or exchanged after signing: systems that prefer another hash type than the primary one refuse the code.", Remedy: signAgain,
	},
	{
		ID: "KR121-certificate-expired", Level: Error, Title: "the certificate was not valid when it signed",
		Why:    "Code signed outside the certificate's life, or without a time stamp and after its end, is refused.",
		Remedy: Remedy{General: "renew the Developer ID Application certificate, make a new profile that names it, and sign again"},
	},
	{
		ID: "KR122-unexpected-team", Level: Error, Title: "signed by another team than expected",
		Why:    "Keychain access groups begin with the team: the program sees none of the family's secrets, and the profile does not cover it.",
		Remedy: Remedy{General: "sign with the certificate of the team that the family profile names", Codesign: "--sign with the team in parentheses", Builder: "mac.identity or CSC_NAME of that team", Forge: "osxSign.identity of that team", Xcode: "DEVELOPMENT_TEAM"},
	},
	{
		ID: "KR123-foreign-requirement", Level: Warning, Title: "the designated requirement does not describe the code",
		Why:    "Keychain items and privacy grants are bound to the designated requirement: the next build will not be recognised as the same program.",
		Remedy: Remedy{General: "leave the designated requirement to the signing tool", Codesign: "drop --requirements, or make it name this identifier and team", Builder: "drop mac.requirements", Forge: "drop requirements from osxSign.optionsForFile", Xcode: "clear CODE_SIGN_REQUIREMENTS"},
	},
	{
		ID: "KR124-identifier-differs", Level: Warning, Title: "the signing identifier is not the bundle identifier",
		Why:    "The system knows the program by the signing identifier and the profile by the bundle identifier; tools and privacy grants will mix them up.",
		Remedy: Remedy{General: "let the signing tool take the identifier from Info.plist", Codesign: "drop --identifier when signing a bundle"},
	},
	{
		ID: "KR125-foreign-library", Level: Error, Title: "code of another team inside the bundle",
		Why:    "The hardened runtime refuses to load a library that another team signed.",
		Remedy: Remedy{General: "sign every library in the bundle anew with your own certificate, or, for plug-ins of others, claim com.apple.security.cs.disable-library-validation", Codesign: "codesign --force … LIBRARY before the bundle", Builder: "list the library under mac.binaries, and take it out of mac.signIgnore", Forge: "list the library under osxSign.binaries, and take it out of osxSign.ignore", Xcode: "turn Code Sign On Copy on"},
	},
	{
		ID: "KR129-unsigned-attribute", Level: Warning, Title: "an attribute in the certificate's signature that nothing covers",
		Why:    "Beside the time stamp, which is signed by its authority, signing tools add nothing to a signature that its certificate does not cover. Whatever this is, anybody can have put it there after signing.",
		Remedy: Remedy{General: "sign again from a clean build; if it stays, look for the step that rewrites the signature", Codesign: "codesign --force --options runtime --timestamp --sign IDENTITY PATH"},
	},
}
