import express from 'express'
export const router = express.Router({ mergeParams: true })
router.get('/', (req, res) => res.json(req.params))
router.patch('/profile', (req, res) => res.end())
