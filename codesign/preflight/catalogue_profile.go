package preflight

var newProfile = Remedy{
	General: "make a new Developer ID profile for this bundle identifier and this certificate at the developer portal, embed it, and sign again",
	Builder: "mac.provisioningProfile names the new file",
	Forge:   "osxSign.provisioningProfile names the new file",
	Xcode:   "PROVISIONING_PROFILE_SPECIFIER names the new profile",
}

// profileRules judge the embedded profile and what it covers.
var profileRules = []Rule{
	{ID: "KR301-profile-unreadable", Level: Error, Title: "embedded profile cannot be read", Why: "A profile that the system cannot read allows nothing. " + killed, Remedy: newProfile},
	{ID: "KR302-profile-untrusted", Level: Error, Title: "embedded profile is not signed by Apple", Why: "The system takes a profile only with Apple's signature on it, unchanged. " + killed, Remedy: newProfile},
	{
		ID: "KR303-profile-expired", Level: Error, Title: "embedded profile has ended",
		Why: "Apps with an ended profile have stopped starting, for everybody on the same day.", Remedy: newProfile, Incidents: []string{"openradar 30717170"},
	},
	{
		ID: "KR304-profile-ends-soon", Level: Warning, Title: "embedded profile ends soon",
		Why: "Copies that are in use then may stop starting on that day.", Remedy: newProfile, Incidents: []string{"openradar 30717170"},
	},
	{ID: "KR305-profile-platform", Level: Error, Title: "embedded profile is for another platform", Why: "A profile without OSX among its platforms counts for nothing on a Mac. " + killed, Remedy: newProfile},
	{ID: "KR306-profile-team", Level: Error, Title: "embedded profile is of another team", Why: "A profile allows claims to its own team only. " + killed, Remedy: newProfile},
	{
		ID: "KR307-profile-app-id", Level: Error, Title: "embedded profile is for another bundle identifier",
		Why:    "The profile's App ID must match the bundle that holds it. " + killed,
		Remedy: newProfile, Incidents: []string{"saurabhav88/EnviousWispr#922"},
	},
	{
		ID: "KR308-claim-not-covered", Level: Error, Title: "claimed entitlement that the profile does not allow",
		Why: "Every restricted claim must be in the profile, value for value; a profile that covers all but one covers nothing. " + killed,
		Remedy: Remedy{
			General: "add the capability to the App ID and make the profile anew, or remove the claim",
			Builder: "mac.entitlements and mac.provisioningProfile must belong together", Forge: "osxSign.optionsForFile and osxSign.provisioningProfile must belong together", Xcode: "add the capability under Signing & Capabilities and let Xcode refresh the profile",
		},
		Incidents: []string{"swiftyapp/swifty#469", "saurabhav88/EnviousWispr#922", "Blaizzy/nativ#183"},
	},
	{
		ID: "KR309-wrong-certificate", Level: Error, Title: "signed with a certificate that the profile does not name",
		Why:    "A profile lists certificates one by one. A renewed certificate has the same name and is another one. " + killed,
		Remedy: newProfile, Incidents: []string{"bnfy/blanc#32"},
	},
	{
		ID: "KR310-development-profile", Level: Error, Title: "development profile in a release",
		Why:    "The profile lists devices: the program starts on those Macs, the authors' among them, and on no other.",
		Remedy: newProfile, Incidents: []string{"mogol/flutter_secure_storage#1176"},
	},
	{ID: "KR311-profile-copies-disagree", Level: Error, Title: "the profile's two copies differ", Why: "The system reads the DER copy, tools print the property list: what was reviewed is not what counts. Apple issues no such profile.", Remedy: newProfile},
	{ID: "KR312-profile-without-der", Level: Warning, Title: "the profile has no DER copy", Why: "Current systems read the DER copy. A profile without it is years old.", Remedy: newProfile},
	{
		ID: "KR313-profile-not-sealed", Level: Error, Title: "the profile is not sealed by the bundle's signature",
		Why:    "It was copied or exchanged after signing: the bundle's signature is invalid, and Gatekeeper calls the app damaged.",
		Remedy: Remedy{General: "copy the profile before signing", Codesign: "cp PROFILE X.app/Contents/embedded.provisionprofile, then codesign X.app", Builder: "let mac.provisioningProfile embed it, or copy it in afterPack, not in afterSign", Forge: "preEmbedProvisioningProfile: true, or copy it in the packageAfterCopy hook"}, Incidents: []string{"microsoft/vscode#313109"},
	},
	{ID: "KR314-profile-not-yet-valid", Level: Error, Title: "the profile is made in the future", Why: "Until that day it allows nothing. " + killed, Remedy: newProfile},
}
