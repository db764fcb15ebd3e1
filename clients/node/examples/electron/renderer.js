// The renderer knows whether somebody is signed in, and nothing more.
const show = (signedIn) => { document.getElementById("state").textContent = signedIn ? "Signed in" : "Signed out"; };

window.account.onChange(show);
window.account.signedIn().then(show);
document.getElementById("out").addEventListener("click", () => window.account.signOut());
