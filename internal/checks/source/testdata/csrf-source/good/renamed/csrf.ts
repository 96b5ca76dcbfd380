import { doubleCsrf, type DoubleCsrfConfigOptions } from 'csrf-csrf'
import type { Request } from 'express'
const config: DoubleCsrfConfigOptions = { getSecret: () => process.env.X as string, getSessionIdentifier: (req: Request) => req.session?.id ?? '', cookieOptions: { sameSite: 'strict' } }
export const { doubleCsrfProtection: csrfProtection, generateCsrfToken } = doubleCsrf(config)
