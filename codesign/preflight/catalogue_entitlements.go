package preflight

// ownBundle is the way out for code that claims what it cannot carry.
var ownBundle = Remedy{
	General:  "take the claim away from this file, or give the program a bundle of its own: an .app around it with its own bundle identifier and an embedded profile, signed by itself (kinring wrap builds one). A program that only needs the secrets can ask a broker instead",
	Codesign: "sign the file without --entitlements, or with a file that has only com.apple.security.* keys; never sign with --deep, which stamps the app's entitlements on everything inside",
	Builder:  "keep restricted keys out of mac.entitlementsInherit: it is applied to every nested binary",
	Forge:    "return another entitlements file for this path from osxSign.optionsForFile; without one every file gets the app's",
	Xcode:    "clear CODE_SIGN_ENTITLEMENTS of the command line target, or turn it into an app target",
}

var ownProfile = Remedy{
	General:  "make a Developer ID profile for this bundle identifier and copy it to Contents/embedded.provisionprofile before signing; or take the claim away if the program does not need it",
	Codesign: "cp PROFILE X.app/Contents/embedded.provisionprofile, then codesign X.app, then the bundle around it",
	Builder:  "mac.provisioningProfile for the app; for a helper copy its profile in afterPack and keep restricted keys out of mac.entitlementsInherit",
	Forge:    "osxSign.provisioningProfile with preEmbedProvisioningProfile for the app; for a helper copy its profile in the packageAfterCopy hook, or return other entitlements from optionsForFile",
	Xcode:    "set PROVISIONING_PROFILE_SPECIFIER of this target",
}

// killed tells what the system does to an uncovered claim.
const killed = "macOS kills the process at launch (SIGKILL, Code Signature Invalid; amfid: No matching profile found, -413), before any code of it runs. codesign --verify, spctl and notarization do not look at this."

// entitlementRules judge whether a claim can be honoured where it stands.
var entitlementRules = []Rule{
	{
		ID: "KR107-get-task-allow", Level: Error, Title: "com.apple.security.get-task-allow in a release",
		Why:    "Any process of the user may attach to the program and read its memory; notarization refuses it.",
		Remedy: Remedy{Codesign: "remove the key from the entitlements file", Builder: "use the release entitlements in mac.entitlements", Forge: "osxSign.type: 'distribution'", Xcode: "CODE_SIGN_INJECT_BASE_ENTITLEMENTS = NO for the release configuration, or export the archive"},
	},
	{
		ID: "KR201-restricted-on-bare-binary", Level: Error, Title: "restricted entitlement on a file that cannot carry a profile",
		Why:    "Only the main executable of an app-like bundle can have a provisioning profile, and only a profile can allow this claim. " + killed,
		Remedy: ownBundle, Incidents: []string{"openai/codex#19335", "openai/codex#14855", "btsouth/toolport#27", "maxkle1nz/m1nd#508", "Blaizzy/nativ#183"},
	},
	{
		ID: "KR202-restricted-without-profile", Level: Error, Title: "restricted entitlement in an app without a profile",
		Why: "No provisioning profile allows the claim. " + killed, Remedy: ownProfile,
		Incidents: []string{"Blaizzy/nativ#183", "swiftyapp/swifty#469", "murmur-io/murmur#207", "steipete/RepoBar#27"},
	},
	{
		ID: "KR203-helper-without-profile", Level: Error, Title: "restricted entitlement in a nested bundle without a profile of its own",
		Why:    "The outer app's profile does not reach into nested bundles. " + killed,
		Remedy: ownProfile, Incidents: []string{"microsoft/vscode#312680", "microsoft/vscode#312720", "microsoft/vscode#312734"},
	},
	{
		ID: "KR204-restricted-ad-hoc", Level: Error, Title: "restricted entitlement in code without a certificate",
		Why:    "A profile allows claims to named certificates; a signature without one can be allowed nothing. " + killed,
		Remedy: Remedy{General: "sign with the Developer ID certificate that the profile names, or leave the restricted keys out of local builds", Codesign: "--sign IDENTITY instead of --sign -", Builder: "set mac.identity", Forge: "set osxSign.identity", Xcode: "set DEVELOPMENT_TEAM and CODE_SIGN_IDENTITY"},
	},
	{
		ID: "KR205-inherited-entitlements", Level: Error, Title: "helper signed with the app's own entitlements",
		Why:    "The file carries the restricted claims of the app around it, which were meant for the app alone: the signing tool fell back to the app's entitlements. " + killed,
		Remedy: ownBundle, Incidents: []string{"microsoft/vscode#313690", "microsoft/vscode#313570", "manaflow-ai/cmux#2905"},
	},
	{
		ID: "KR206-empty-restricted-claim", Level: Error, Title: "restricted entitlement with an empty value",
		Why:    "An empty list still counts as a claim that a profile must allow, and it grants nothing: every keychain call returns -34018. A check that looks for the key alone is content with it.",
		Remedy: Remedy{General: "write the group into the list, or remove the key", Xcode: "look for a build setting that expands to nothing"}, Incidents: []string{"manaflow-ai/cmux#2727", "swiftyapp/swifty#469"},
	},
	{
		ID: "KR217-library-with-entitlements", Level: Error, Title: "library or plug-in signed with entitlements",
		Why:    "Code in a library runs with the entitlements of the program that loads it; its own are never honoured, and restricted ones can make the load fail.",
		Remedy: Remedy{General: "sign libraries, frameworks and add-ons without entitlements", Codesign: "leave --entitlements out for them", Builder: "keep them out of mac.binaries' entitlements", Forge: "return no entitlements for them from osxSign.optionsForFile", Xcode: "clear CODE_SIGN_ENTITLEMENTS of the framework target"}, Incidents: []string{"cryptomator/cryptomator#3311"},
	},
	{
		ID: "KR218-private-entitlement", Level: Error, Title: "private entitlement of Apple's",
		Why:    "No profile for third parties allows it. " + killed,
		Remedy: Remedy{General: "remove the key; there is no way to obtain it"},
	},
	{
		ID: "KR219-unknown-entitlement", Level: Warning, Title: "entitlement of unknown kind",
		Why:    "It is not among the keys that need no profile, and Apple publishes no list of those that do. If it needs one, the program does not start.",
		Remedy: Remedy{General: "look for a misspelt key; if it is right, test the launch on an unmanaged Mac"},
	},
	{
		ID: "KR220-app-group-not-allowed", Level: Error, Title: "application group that the profile does not allow",
		Why:    "Groups that begin with group. need the profile's permission; without it recent systems refuse the launch, and older ones take away the keychain groups that follow from the app id.",
		Remedy: Remedy{General: "register the group for the App ID and make the profile anew, or use a group that begins with the team id", Xcode: "add the App Groups capability and let Xcode refresh the profile"}, Incidents: []string{"openai/codex#27891"},
	},
}

// claimRules judge how a claim is written.
var claimRules = []Rule{
	{
		ID: "KR207-entitlements-disagree", Level: Error, Title: "XML and DER entitlements differ",
		Why:    "Current systems read the DER form, tools such as codesign -d print the XML form: what was reviewed is not what is enforced, and the signature may be refused.",
		Remedy: signAgain,
	},
	{
		ID: "KR208-one-entitlement-form", Level: Warning, Title: "entitlements in one form only",
		Why:    "Current systems read the DER form and keep the XML form for older ones. A signature that has one of them was made by an outdated or faulty tool.",
		Remedy: Remedy{General: "sign with a tool that writes both", Codesign: "use the codesign of Xcode 13 or later, with --generate-entitlement-der before macOS 12"},
	},
	{
		ID: "KR209-unexpanded-variable", Level: Error, Title: "build variable left in an entitlement",
		Why:    "Xcode expands $(…) while it builds; codesign signs the text as it stands, and no profile matches it.",
		Remedy: Remedy{General: "write the value out, team id included (kinring entitlements does)", Codesign: "pass a file without $(…)", Builder: "write the team id into the entitlements file", Forge: "write the team id into the entitlements file", Xcode: "sign the product of the build, not with the source .entitlements file"},
	},
	{
		ID: "KR210-wildcard-claim", Level: Error, Title: "wildcard in a claimed entitlement",
		Why:    "Wildcards belong into the profile. A claim of TEAM.* starts, but the keychain then uses a group that is literally called TEAM.*, apart from every other program.",
		Remedy: Remedy{General: "claim each group by its full name"}, Incidents: []string{"phnx-labs/agi-cli#210"},
	},
	{
		ID: "KR211-entitlements-unreadable", Level: Error, Title: "entitlements that cannot be read as a dictionary",
		Why:    "Tools disagree on what such a file means; codesign may sign without any entitlement and still report success.",
		Remedy: Remedy{General: "write a plain XML property list: one dictionary, no comment, no byte order mark, no key twice (kinring entitlements --check tells)"}, Incidents: []string{"maxkle1nz/m1nd#469"},
	},
	{
		ID: "KR212-profile-without-claims", Level: Warning, Title: "profile is embedded, but nothing it allows is claimed",
		Why:    "Somebody meant the program to have the profile's entitlements, and the signature has none. codesign drops an entitlements file with a comment in it, and still exits 0.",
		Remedy: Remedy{General: "look at the entitlements file for comments, and at the signing step for a missing --entitlements; or remove the profile", Codesign: "codesign -d --entitlements - PATH must print the claims", Builder: "check mac.entitlements", Forge: "check that osxSign.optionsForFile returns the entitlements for the app itself", Xcode: "check CODE_SIGN_ENTITLEMENTS"}, Incidents: []string{"maxkle1nz/m1nd#469", "microsoft/vscode#313635"},
	},
	{
		ID: "KR213-group-prefix", Level: Error, Title: "keychain access group that does not begin with the signing team",
		Why:    "A profile can only allow groups of its own team. " + killed,
		Remedy: Remedy{General: "write the group as TEAM.name with the team that signs"},
	},
	{
		ID: "KR214-app-id-not-claimed", Level: Warning, Title: "keychain groups without application and team identifier",
		Why:    "Programs have been reported to start and then get -34018 from the keychain while these two claims were missing. They cost nothing where a profile is embedded.",
		Remedy: Remedy{General: "add com.apple.application-identifier and com.apple.developer.team-identifier with the profile's values (kinring entitlements writes them)"}, Incidents: []string{"phnx-labs/agi-cli#210", "saurabhav88/EnviousWispr#922"},
	},
	{
		ID: "KR215-app-id-mismatch", Level: Error, Title: "claimed application identifier is not team and bundle identifier",
		Why:    "The profile is looked up by the application identifier, and it must describe the bundle that claims it. " + killed,
		Remedy: Remedy{General: "claim TEAM followed by the CFBundleIdentifier of this very bundle", Builder: "appId and the entitlements must name the same identifier", Forge: "packagerConfig.appBundleId and the entitlements must name the same identifier"}, Incidents: []string{"saurabhav88/EnviousWispr#922"},
	},
	{
		ID: "KR216-team-id-mismatch", Level: Error, Title: "claimed team identifier is not the signing team",
		Why:    "The profile belongs to one team and the claim to another. " + killed,
		Remedy: Remedy{General: "claim the team of the certificate"},
	},
	{
		ID: "KR222-signed-comment", Level: Warning, Title: "comment inside the signed entitlements",
		Why:    "The system's own reader of the XML form stops at comments, so older systems may see no entitlement at all; current signing tools refuse such a file or drop its content.",
		Remedy: Remedy{General: "take the comment out of the entitlements file and sign again (kinring entitlements --check tells)"}, Incidents: []string{"maxkle1nz/m1nd#469"},
	},
	{
		ID: "KR221-wrong-type", Level: Error, Title: "entitlement with a value of the wrong type",
		Why:    "The system reads the value as a list, a string or true; another type is ignored or refused.",
		Remedy: Remedy{General: "keychain-access-groups and application groups are arrays of strings, identifiers are strings, capabilities are true"},
	},
	{
		ID: "KR223-der-unsorted", Level: Warning, Title: "DER entitlements whose keys are not in order",
		Why:    "The form has its keys in ascending order and signing tools write them so. A reader that relies on the order may miss a claim, and another find it.",
		Remedy: Remedy{General: "sign with a tool that writes the DER form itself, from the XML list", Codesign: "codesign --force --entitlements FILE --sign IDENTITY PATH"},
	},
}
