export const config = {
  port: Number(process.env.PORT ?? 3000),
  limit: '10kb',
} as const;

export type Config = typeof config;
