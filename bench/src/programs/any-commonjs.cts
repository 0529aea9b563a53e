// Stands for an application's CommonJS dependencies.

