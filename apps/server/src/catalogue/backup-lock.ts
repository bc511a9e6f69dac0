// PostgreSQL's advisory lock between a backup and a collection: a backup shares it with other backups.

export const backupLock = 731_001;
