package lockwatch

import "time"

// Pauses replaces those between tries of the webhook.
func (w *Watch) Pauses(all ...time.Duration) { w.pauses = all }
