package crosssite

import "strings"

// measuring are the beginnings of names that scripts of others give to cookies by which they
// count visitors, or keep what a visitor agreed to. They say no SameSite, so Safari and
// Firefox send them along with forms of other sites; nobody is known by them. Counted as
// credentials they would have the answer of every sign-on that is posted back refused.
var measuring = [...]string{
	"_ga", "_gid", "_gat", "_gcl_", "__utm", // Google
	"_fbp", "_fbc", "_ttp", "_tt_", "_uetsid", "_uetvid", "_clck", "_clsk", "_scid", "_pin_unauth", "li_fat_id", // advertising
	"_pk_id.", "_pk_ses.", "_pk_ref.", "_hjSession", "_hjid", "ajs_", "amplitude_id", "ph_phc_", // statistics
	"hubspotutk", "__hstc", "__hssc", "__hssrc", "intercom-id-",
	"OptanonConsent", "OptanonAlertBoxClosed", "CookieConsent", "cookieyes-consent", "euconsent-v2", // consent
}

func measures(name string) bool {
	for _, known := range measuring {
		if rest, ok := strings.CutPrefix(name, known); ok && (rest == "" || !letter(rest[0]) || !letter(known[len(known)-1])) {
			return true
		}
	}
	return strings.HasPrefix(name, "mp_") && strings.HasSuffix(name, "_mixpanel")
}
