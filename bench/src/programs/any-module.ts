// Stands for an application's other ESM files.
export {};
