{{/* Names and labels. */}}
{{- define "strongroom.name" -}}
{{- if contains "strongroom" .Release.Name -}}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{- else -}}{{ printf "%s-strongroom" .Release.Name | trunc 50 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{- define "strongroom.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "strongroom.name" .) }}
{{- end -}}

{{- define "strongroom.selector" -}}
app.kubernetes.io/name: strongroom
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "strongroom.labels" -}}
{{ include "strongroom.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* What a schema cannot say: settings that contradict each other. */}}
{{- define "strongroom.check" -}}
{{- $pageMiB := eq .Values.enclave.pageSize "1Gi" | ternary 1024 2 -}}
{{- if ne (mod (int .Values.enclave.memoryMiB) $pageMiB) 0 -}}
{{- fail (printf "enclave.memoryMiB must be a multiple of %d: it is given in pages of %s" $pageMiB .Values.enclave.pageSize) -}}
{{- end -}}
{{- if .Values.autoscaling.enabled -}}
{{- if lt (int .Values.autoscaling.maxReplicas) (int .Values.autoscaling.minReplicas) -}}
{{- fail "autoscaling.maxReplicas must be at least autoscaling.minReplicas" -}}
{{- end -}}
{{- if ge (int .Values.autoscaling.pendingRequestsPerPod) (int .Values.host.maxRequests) -}}
{{- fail "autoscaling.pendingRequestsPerPod must be below host.maxRequests: beyond that the host refuses, and no replica would ever be added" -}}
{{- end -}}
{{- end -}}
{{- $smallest := .Values.autoscaling.enabled | ternary .Values.autoscaling.minReplicas .Values.replicaCount -}}
{{- if ge (int .Values.podDisruptionBudget.maxUnavailable) (int $smallest) -}}
{{- fail "podDisruptionBudget.maxUnavailable must be below the number of replicas: a drain would stop the service" -}}
{{- end -}}
{{- if and .Values.tls.secretName .Values.service.certificateArn -}}
{{- fail "tls.secretName and service.certificateArn exclude each other: one of host and load balancer ends TLS" -}}
{{- end -}}
{{- if and (eq .Values.service.scheme "internet-facing") (empty .Values.service.sourceRanges) -}}
{{- fail "service.sourceRanges must be set when the load balancer faces the internet, be it 0.0.0.0/0" -}}
{{- end -}}
{{- end -}}

{{/* Seconds from SIGTERM to SIGKILL: drain, grace, and 65 for what the enclave still hands over, the program that stops it and whatever is left of it. */}}
{{- define "strongroom.terminationSeconds" -}}
{{ add .Values.host.drainDelaySeconds .Values.host.graceSeconds 75 }}
{{- end -}}

{{- define "strongroom.hostToml" -}}
listen = {{ printf "%s:%d" .Values.host.address (int .Values.host.port) | toJson }}
{{- if .Values.tls.secretName }}
tls_cert = "/etc/strongroom-tls/tls.crt"
tls_key = "/etc/strongroom-tls/tls.key"
{{- end }}
metrics = {{ printf "%s:%d" .Values.host.address (int .Values.host.metricsPort) | toJson }}
metrics_any_address = true
kms = {{ .Values.kms | default (printf "kms.%s.amazonaws.com:443" .Values.region) | toJson }}
store = {{ .Values.store | toJson }}
s3_region = {{ .Values.region | toJson }}
credentials_container = {{ .Values.credentials.url | toJson }}
credentials_container_token_file = {{ .Values.credentials.tokenFile | toJson }}
state_dir = "/var/lib/strongroom"
{{- if .Values.state.forwardAuditLog }}
audit_forward = "-"
{{- end }}
enclave = "vsock:16:5000"
enclave_start = [
    "/usr/bin/nitro-cli", "run-enclave", "--enclave-name", "strongroom", "--enclave-cid", "16",
    "--eif-path", "/usr/lib/strongroom/strongroom.eif",
    "--cpu-count", {{ int .Values.enclave.cpus | toString | toJson }}, "--memory", {{ int .Values.enclave.memoryMiB | toString | toJson }},
]
enclave_stop = ["/usr/bin/nitro-cli", "terminate-enclave", "--enclave-name", "strongroom"]
enclave_start_timeout_s = {{ int .Values.enclave.startTimeoutSeconds }}
max_requests = {{ int .Values.host.maxRequests }}
max_connections = {{ int .Values.host.maxConnections }}
{{- if .Values.host.corsOrigins }}
cors_origins = {{ .Values.host.corsOrigins | toJson }}
{{- end }}
drain_delay_s = {{ int .Values.host.drainDelaySeconds }}
grace_s = {{ int .Values.host.graceSeconds }}
log_format = "json"
log_level = {{ .Values.host.logLevel | toJson }}
{{ end -}}
