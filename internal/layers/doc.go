// Package layers holds no code: its tests hold the shape of the house. Who may import
// whom, what a guard may depend on, and what a user of one guard pays for it.
package layers
